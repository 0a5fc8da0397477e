"""Features and a label from an R model formula."""

import functools
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang, map_batches
from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import vector_size_of
from fireside.ml.base import Estimator, Model, PipelineStage
from fireside.ml.columns import as_floats, column_label, read_vectors
from fireside.ml.feature.column_pruner import ColumnPruner
from fireside.ml.feature.formula import ResolvedFormula, parse_formula
from fireside.ml.feature.interaction import Interaction
from fireside.ml.feature.one_hot_encoder import OneHotEncoder
from fireside.ml.feature.string_indexer import StringIndexer
from fireside.ml.feature.vector_assembler import VectorAssembler
from fireside.ml.feature.vector_attribute_rewriter import VectorAttributeRewriter
from fireside.ml.feature.vector_size_hint import VectorSizeHint
from fireside.ml.linalg import VECTOR_TYPE, is_vector_type
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasFeaturesCol, HasLabelCol
from fireside.ml.param.validators import in_array
from fireside.ml.persistence import BOOLEAN, STRING, STRING_LISTS, SavedColumns
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.persistence.saving import load_stage
from fireside.ml.pipeline import Pipeline, PipelineModel
from fireside.ml.row_function import Row, RowFunction, usual_number
from fireside.ml.schema import input_field, is_numeric, is_string

__all__ = ["RFormula", "RFormulaModel"]


class RFormulaParams(HasFeaturesCol, HasLabelCol):
    """Params of `RFormula` and its model."""

    formula: Param[str] = param(TypeConverters.toString, "an R model formula, such as 'y ~ a + b:c - 1'")
    getFormula = Getter(formula)
    forceIndexLabel: Param[bool] = param(
        TypeConverters.toBoolean, "whether a label that is a number is indexed too", default=False
    )
    getForceIndexLabel = Getter(forceIndexLabel)
    stringIndexerOrderType: Param[str] = param(
        TypeConverters.toString,
        "how the categories of strings are ordered; the last one is the reference, which is left out: "
        "'frequencyDesc', 'frequencyAsc', 'alphabetDesc' (as in R) or 'alphabetAsc'",
        default="frequencyDesc",
        check=in_array(["frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"]),
    )
    getStringIndexerOrderType = Getter(stringIndexerOrderType)
    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with null, NaN and unseen strings: 'error', 'skip' the row, or 'keep' them as one more "
        "category",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid = Getter(handleInvalid)


class RFormula(RFormulaParams, Estimator["RFormulaModel"]):
    """Makes vectors of features, and labels, of the columns that a formula names.

    Strings are indexed and one-hot encoded, without their last category (the first string keeps it where
    there is no intercept); numbers and booleans are taken as they are. A label that is a string is indexed.

    >>> rows = {"y": [1.0, 0.0, 1.0], "a": [5, 6, 7], "s": ["u", "v", "u"]}
    >>> found = RFormula(formula="y ~ a + s").fit(rows).transform(rows)
    >>> found["features"][0], found["label"]
    (DenseVector([5.0, 1.0]), [1.0, 0.0, 1.0])
    """

    setFormula = Setter(RFormulaParams.formula)
    setForceIndexLabel = Setter(RFormulaParams.forceIndexLabel)
    setStringIndexerOrderType = Setter(RFormulaParams.stringIndexerOrderType)
    setHandleInvalid = Setter(RFormulaParams.handleInvalid)

    def __str__(self) -> str:
        formula = self.getFormula() if self.isDefined("formula") else ""
        return f"RFormula({formula}) (uid={self.uid})"

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after the model: features, and a label unless there is one of that name."""
        resolved = self._resolved(schema)
        _check_columns(self, schema, resolved)
        if self.getLabelCol() in schema.names and self.getForceIndexLabel():
            raise SchemaError(
                f"{self.uid}: column {self.getLabelCol()!r} exists already, so that forceIndexLabel cannot "
                "hold: name another labelCol"
            )
        schema = schema.append(pa.field(self.getFeaturesCol(), VECTOR_TYPE))
        return _with_label(self, schema, resolved)

    def _resolved(self, schema: pa.Schema) -> ResolvedFormula:
        try:
            resolved = parse_formula(self.getFormula()).resolve(schema)
        except InputError as error:
            raise InputError(f"{self.uid}: {error}") from error
        for column in dict.fromkeys(name for term in resolved.terms for name in term):
            input_field(self, schema, column, wanted="a number, string, boolean or vector", fits=_fits)
        return resolved

    def _fit(self, dataset: Dataset) -> "RFormulaModel":
        resolved = self._resolved(dataset.schema)
        columns = sorted({name for term in resolved.terms for name in term})
        vectors = [
            name
            for name in columns
            if is_vector_type(dataset.schema.field(name).type)
            and vector_size_of(dataset.schema.field(name)) is None
        ]
        found = gang(
            dataset.select(vectors or columns[:1] or dataset.column_names[:1]), first_sizes, self, vectors
        )
        if not found["rows"]:
            raise InputError(f"{self.uid}: there are no rows to fit to")
        sizes = dict(zip(vectors, found["sizes"].tolist(), strict=True))
        stages = self._stages(dataset.schema, resolved, columns, sizes)
        fitted = Pipeline(stages=stages)._fit(dataset)._resetUid(self.uid)
        return RFormulaModel(resolved, fitted)._fitted_by(self)

    def _stages(
        self, schema: pa.Schema, resolved: ResolvedFormula, columns: Sequence[str], sizes: Mapping[str, int]
    ) -> list[PipelineStage]:
        """The stages that Spark would make; those without names of their own have the uid of this one."""
        invalid = self.getHandleInvalid()
        stages: list[PipelineStage] = []
        temporary: list[str] = []
        prefixes: dict[str, str] = {}

        def new_column(kind: str) -> str:
            temporary.append(f"{kind}_{secrets.token_hex(6)}")
            return temporary[-1]

        indexed = {column: column for column in columns}
        for column in columns:
            kind = schema.field(column).type
            if is_string(kind):
                indexed[column] = new_column("stridx")
                prefixes[f"{indexed[column]}_"] = f"{column}_"
                indexer = StringIndexer(
                    inputCol=column,
                    outputCol=indexed[column],
                    stringOrderType=self.getStringIndexerOrderType(),
                    handleInvalid=invalid,
                )
                stages.append(indexer._resetUid(f"strIdx_{secrets.token_hex(6)}"))
            elif is_vector_type(kind):
                size = vector_size_of(schema.field(column))
                hint = VectorSizeHint(
                    inputCol=column, size=sizes[column] if size is None else size, handleInvalid="optimistic"
                )
                stages.append(hint._resetUid(self.uid))
        encoded: dict[str, str] = {}
        assembled = []
        full_rank = resolved.has_intercept
        for term in resolved.terms:
            if len(term) > 1:
                product = new_column("interaction")
                prefixes[f"{product}_"] = ""
                stages.append(Interaction(inputCols=[indexed[name] for name in term], outputCol=product))
                assembled.append(product)
            elif is_string(schema.field(term[0]).type):
                target = new_column("onehot")
                prefixes[f"{target}_"] = f"{term[0]}_"
                if full_rank:
                    encoded[indexed[term[0]]] = target
                else:
                    # Without an intercept the first string keeps all its categories.
                    first = OneHotEncoder(inputCols=[indexed[term[0]]], outputCols=[target], dropLast=False)
                    stages.append(first._resetUid(self.uid))
                    full_rank = True
                assembled.append(target)
            else:
                assembled.append(term[0])
        if encoded:
            encoder = OneHotEncoder(inputCols=list(encoded), outputCols=list(encoded.values()), dropLast=True)
            stages.append(encoder._resetUid(self.uid))
        features = self.getFeaturesCol()
        assembler = VectorAssembler(inputCols=assembled, outputCol=features, handleInvalid=invalid)
        stages += [
            assembler._resetUid(self.uid),
            VectorAttributeRewriter(features, prefixes),
            ColumnPruner(temporary),
        ]
        label = resolved.label
        if not label and self.getForceIndexLabel():
            raise InputError(
                f"{self.uid}: the formula {self.getFormula()!r} has no label to index: name one before the "
                "~, or set forceIndexLabel to False"
            )
        if (label in schema.names and is_string(schema.field(label).type)) or self.getForceIndexLabel():
            indexer = StringIndexer(inputCol=label, outputCol=self.getLabelCol(), handleInvalid=invalid)
            stages.append(indexer._resetUid(f"strIdx_{secrets.token_hex(6)}"))
        return stages


class RFormulaModel(RFormulaParams, Model):
    """Appends features, and the label where its column is there.

    Attributes:
        resolvedFormula: the formula with its columns.
        pipelineModel: the stages that make the features.
    """

    _saved: ClassVar = SavedColumns(label=STRING, terms=STRING_LISTS, hasIntercept=BOOLEAN)

    def __init__(self, resolvedFormula: ResolvedFormula, pipelineModel: PipelineModel) -> None:
        super().__init__()
        self.resolvedFormula = resolvedFormula
        self.pipelineModel = pipelineModel

    def __repr__(self) -> str:
        return f"RFormulaModel: uid={self.uid}, resolvedFormula={self.resolvedFormula}"

    def __str__(self) -> str:
        return f"RFormulaModel({self.resolvedFormula}) (uid={self.uid})"

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage."""
        _check_columns(self, schema, self.resolvedFormula)
        return _with_label(self, self.pipelineModel.transformSchema(schema), self.resolvedFormula)

    def _transform(self, dataset: Dataset) -> Dataset:
        schema = self.transformSchema(dataset.schema)
        dataset = self.pipelineModel._transform(dataset)
        if len(schema) == len(dataset.schema):
            return dataset
        function = functools.partial(_append_label, label=self.resolvedFormula.label, schema=schema)
        return map_batches(dataset, function, schema)

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        from fireside.ml.serving.compiled import compile_stages

        features = compile_stages(self.pipelineModel.stages, schema)
        after = self.pipelineModel.transformSchema(schema)
        label, target = self.resolvedFormula.label, self.getLabelCol()
        if len(self.transformSchema(schema)) == len(after):
            return features

        def function(row: Row) -> Row | None:
            given = row[label]
            found = features(row)
            if found is not None:
                found[target] = None if given is None else float(given)
            return found

        return function if usual_number(schema.field(label).type) else None

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        formula = self.resolvedFormula
        terms = [list(term) for term in formula.terms]
        return [{"label": formula.label, "terms": terms, "hasIntercept": formula.has_intercept}]

    def _write_to(self, directory: Path) -> None:
        super()._write_to(directory)
        (directory / "pipelineModel").mkdir()
        self.pipelineModel._write_to(directory / "pipelineModel")

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        row = cls._saved.read(directory / "data")[0]
        terms = tuple(tuple(term) for term in row["terms"])
        formula = ResolvedFormula(row["label"], terms, row["hasIntercept"])
        stage = cls(formula, cast(PipelineModel, load_stage(directory / "pipelineModel")))
        metadata.restore(stage, path=directory / "metadata")
        return stage


def first_sizes(
    collective: Collective, rows: Dataset, stage: RFormula, columns: Sequence[str]
) -> Mapping[str, Any]:
    """int64[C], the sizes of the vectors of some columns, and whether there are rows at all."""
    sizes, any_rows = np.zeros(len(columns), np.int64), 0
    for batch in rows.batches():
        any_rows = 1
        sizes[:] = [read_vectors(stage, batch.slice(0, 1), column).size for column in columns]
        break
    return {
        "sizes": collective.allreduce(sizes, "max"),
        "rows": int(collective.allreduce(np.array([any_rows]), "max")[0]),
    }


def _fits(kind: pa.DataType) -> bool:
    return is_numeric(kind) or is_string(kind) or pa.types.is_boolean(kind) or is_vector_type(kind)


def _check_columns(stage: RFormulaParams, schema: pa.Schema, resolved: ResolvedFormula) -> None:
    for column in dict.fromkeys(name for term in resolved.terms for name in term):
        input_field(stage, schema, column, wanted="a number, string, boolean or vector", fits=_fits)
    features, label = stage.getFeaturesCol(), stage.getLabelCol()
    if features in schema.names:
        raise SchemaError(
            f"{stage.uid}: column {features!r} exists already: name another featuresCol, or drop it first"
        )
    if label in schema.names and not is_numeric(schema.field(label).type):
        raise SchemaError(
            f"{stage.uid}: column {label!r} exists already and holds no numbers: name another labelCol"
        )


def _with_label(stage: RFormulaParams, schema: pa.Schema, resolved: ResolvedFormula) -> pa.Schema:
    """The schema with the label, where it is to be appended."""
    if stage.getLabelCol() in schema.names or resolved.label not in schema.names:
        return schema
    kind = schema.field(resolved.label).type
    if not (is_numeric(kind) or pa.types.is_boolean(kind) or is_string(kind) or pa.types.is_null(kind)):
        raise SchemaError(
            f"{column_label(stage, resolved.label)} is {kind}, but a label is a number, a boolean or a string"
        )
    return schema.append(pa.field(stage.getLabelCol(), pa.float64()))


def _append_label(batch: pa.RecordBatch, *, label: str, schema: pa.Schema) -> pa.RecordBatch:
    column = batch.column(label)
    numbers = pa.array(as_floats(column), mask=column.is_null().to_numpy(zero_copy_only=False))
    return pa.RecordBatch.from_arrays([*batch.columns, numbers], schema=schema)
