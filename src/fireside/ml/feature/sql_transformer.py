"""SQL as a stage: on duckdb here, on Spark's own SQL there."""

import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.compute.dataset import BATCH_ROWS, DistributedDataset
from fireside.compute.schema import conform, plain_schema
from fireside.core.errors import FiresideError, InputError, SchemaError
from fireside.core.extras import require
from fireside.ml.base import Transformer
from fireside.ml.param import Param, Params, TypeConverters, accessors, param
from fireside.ml.schema import input_field

__all__ = ["SQLTransformer"]

THIS = "__THIS__"
# A statement may come from a saved model, so it sees nothing but the rows: no files, network or settings.
SHUT = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# How duckdb and Spark say that a column is missing.
MISSING = re.compile(r'Referenced column "([^"]+)" not found|with name `([^`]+)` cannot be resolved')


class SQLTransformer(Transformer):
    """Selects from the rows, which are called `__THIS__`.

    Rows on this machine are selected by duckdb, in its dialect; rows on Spark by Spark. A statement is one
    `SELECT`, and can reach nothing but the rows.

    >>> stage = SQLTransformer(statement="SELECT a, a + b AS c FROM __THIS__ WHERE a > 1")
    >>> stage.transform({"a": [1, 2], "b": [3, 4]})
    {'a': [2], 'c': [6]}
    """

    statement: Param[str] = param(TypeConverters.toString, "a SELECT from __THIS__")
    getStatement, setStatement = accessors(statement)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns that the statement selects, as duckdb has them."""
        with _relation(self, TableDataset(schema.empty_table())) as relation:
            return _schema_of(self, relation, schema)

    def _transform(self, dataset: Dataset) -> Dataset:
        if isinstance(dataset, DistributedDataset):
            try:
                return dataset.sql(self.getStatement())
            except FiresideError:
                raise
            except Exception as error:
                raise _explained(self, error, dataset.schema) from error
        rows = _SelectedRows(self, dataset, self.transformSchema(dataset.schema))
        return TableDataset(rows.to_table()) if isinstance(dataset, TableDataset) else rows


@final
class _SelectedRows(Dataset):
    """What a statement selects, selected again on each pass."""

    def __init__(self, stage: SQLTransformer, source: Dataset, schema: pa.Schema) -> None:
        self._stage = stage
        self._source = source
        self._schema = schema

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def num_rows(self) -> None:
        return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        with _relation(self._stage, self._source) as relation:
            for batch in pa.RecordBatchReader.from_stream(relation):
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield conform(batch.slice(start, BATCH_ROWS), self._schema)

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), schema=self._schema)

    def _select(self, columns: list[str]) -> Dataset:
        return TableDataset(self.to_table().select(columns))


@contextmanager
def _relation(stage: SQLTransformer, rows: Dataset) -> Iterator[Any]:
    """What the statement selects from some rows, on a connection of its own.

    Raises:
        InputError: the statement is no single SELECT, or fails.
    """
    duckdb = require("duckdb", extra="ml")
    statement = stage.getStatement()
    try:
        kinds = [found.type for found in duckdb.extract_statements(statement)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise InputError(f"{stage.uid}: statement must be one SELECT from {THIS}, got {statement!r}")
        with _database(os.getpid()).cursor() as connection:
            connection.register(THIS, rows)
            yield connection.sql(statement)
    except duckdb.Error as error:
        raise _explained(stage, error, rows.schema) from error


@functools.cache
def _database(process: int) -> Any:
    """An empty database, which a SELECT cannot change; it takes long to open, and does not survive a fork.

    Each of its cursors is a connection that sees its own rows alone.
    """
    database = require("duckdb", extra="ml").connect(":memory:", config=SHUT)
    for setting in ("python_enable_replacements=false", "lock_configuration=true"):
        database.execute(f"SET {setting}").fetchall()
    return database


def _schema_of(stage: SQLTransformer, relation: Any, schema: pa.Schema) -> pa.Schema:
    """The plain schema of a result; columns that pass through keep their metadata."""
    names = list(relation.columns)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SchemaError(
            f"{stage.uid}: column {twice[0]!r} exists already: give what the statement makes another name"
        )
    types = [str(kind) for kind in relation.types]
    fields = []
    for field, kind in zip(pa.RecordBatchReader.from_stream(relation).schema, types, strict=True):
        # Sums of integers are 128 bits wide in duckdb, and 64 in Spark.
        field = field.with_type(pa.int64()) if kind == "HUGEINT" else field
        plain = plain_schema(pa.schema([field])).field(0)
        known = schema.field(field.name) if field.name in schema.names else None
        fields.append(known if known is not None and known.type == plain.type else plain)
    return plain_schema(pa.schema(fields))


def _explained(stage: Params, error: Exception, schema: pa.Schema) -> InputError:
    """An error of a database as one of ours, which names the stage."""
    found = MISSING.search(str(error))
    column = next(filter(None, found.groups()), None) if found else None
    if column is not None and column not in schema.names:
        try:
            input_field(stage, schema, column, wanted="any type", fits=lambda kind: True)
        except SchemaError as missing:
            return missing
    return InputError(f"{stage.uid}: the statement cannot be run: {str(error).strip()}")
