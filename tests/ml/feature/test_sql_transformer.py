"""SQL on duckdb: what it selects, what it cannot reach, and how it is refused."""

import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.compute import TableDataset
from fireside.core.errors import InputError, SchemaError
from fireside.ml import Pipeline
from fireside.ml.attributes import labels_of
from fireside.ml.feature import SQLTransformer, StringIndexer
from fireside.ml.linalg import Vectors

ROWS = pa.table({"a": [1, 2, 3, 3], "s": ["x", "y", None, "x"]})


def select(statement, rows=ROWS):
    return SQLTransformer(statement=statement).transform(rows)


def test_aggregates_joins_and_windows_see_all_rows(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(ROWS, path, row_group_size=1)
    for statement, expected in {
        "SELECT s, sum(a) AS t, count(*) AS n FROM __THIS__ GROUP BY s ORDER BY s NULLS FIRST": [
            {"s": None, "t": 3, "n": 1}, {"s": "x", "t": 4, "n": 2}, {"s": "y", "t": 2, "n": 1},
        ],
        "SELECT a FROM __THIS__ JOIN (SELECT max(a) AS m FROM __THIS__) ON a = m": [{"a": 3}, {"a": 3}],
        "WITH t AS (SELECT a * 2 AS b FROM __THIS__ WHERE a < 3) SELECT b FROM t": [{"b": 2}, {"b": 4}],
    }.items():  # fmt: skip
        assert select(statement).to_pylist() == expected
        streamed = select(statement, path)
        assert streamed.to_table().to_pylist() == expected
        assert streamed.to_table().to_pylist() == expected
        assert streamed.select([next(iter(expected[0]))]).to_table().num_columns == 1
    assert select("SELECT sum(a) AS t FROM __THIS__").schema.field("t").type == pa.int64()


def test_vectors_and_metadata_pass_through():
    rows = {"v": [Vectors.dense(1, 2), Vectors.sparse(2, {0: 1.0})], "a": [1, 2]}
    assert select("SELECT v, a + 1 AS b FROM __THIS__", rows) == {"v": rows["v"], "b": [2, 3]}
    stages = [
        StringIndexer(inputCol="s", outputCol="i", handleInvalid="skip"),
        SQLTransformer(statement="SELECT i, i AS j FROM __THIS__"),
    ]
    found = Pipeline(stages=stages).fit(ROWS).transform(ROWS)
    assert labels_of(found.schema.field("i")) == ["x", "y"]
    assert labels_of(found.schema.field("j")) is None


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_parquet('http://127.0.0.1:{port}/x.parquet')",
        "SELECT * FROM glob('/*')",
        "SELECT content FROM read_text('{file}')",
        "COPY __THIS__ TO '{file}.out'",
        "ATTACH '{file}.db' AS d",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SET enable_external_access = true",
        "CREATE TABLE t AS SELECT * FROM __THIS__",
        "PRAGMA database_list",
        "SELECT * FROM rows_of_ours",
        "EXPORT DATABASE '{file}.d'",
    ],
)
def test_a_statement_reaches_nothing_but_the_rows(statement, tmp_path):
    rows_of_ours = pa.table({"secret": [1]})
    assert rows_of_ours.num_rows
    file = tmp_path / "secret.csv"
    file.write_text("secret\n1\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        with pytest.raises(InputError, match="SQLTransformer_"):
            select(statement.format(file=file, port=server.getsockname()[1]))
        with pytest.raises(TimeoutError):
            server.accept()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_mistakes_name_the_stage_and_the_way_out():
    with pytest.raises(SchemaError, match=r"SQLTransformer_.*: there is no column 'aa'; did you mean 'a'\?"):
        select("SELECT aa FROM __THIS__")
    with pytest.raises(SchemaError, match="column 'a' exists already: give what the statement makes another"):
        select("SELECT *, a + 1 AS a FROM __THIS__")
    with pytest.raises(InputError, match="statement must be one SELECT from __THIS__, got 'DROP TABLE x'"):
        select("DROP TABLE x")
    with pytest.raises(InputError, match=r"the statement cannot be run: .*syntax error"):
        select("SELECT FROM WHERE")
    with pytest.raises(InputError, match=r"the statement cannot be run: .*onver"):
        select("SELECT CAST(s AS INTEGER) AS i FROM __THIS__")
    with pytest.raises(InputError, match="param statement is not set"):
        SQLTransformer().transform(ROWS)


def test_a_failure_in_the_middle_of_a_stream_is_ours_too():
    rows = TableDataset(ROWS, batch_rows=1)
    stage = SQLTransformer(statement="SELECT CAST(s AS INTEGER) AS i FROM __THIS__")
    assert stage.transformSchema(rows.schema).names == ["i"]
    with pytest.raises(InputError, match="the statement cannot be run"):
        stage.transform(rows)


@pytest.mark.spark
def test_on_spark_the_dialect_is_that_of_spark(spark):
    from tests.ml.test_against_spark import spark_frame

    frame = spark_frame(spark, ROWS)
    found = select("SELECT explode(array(a, a * 10)) AS e, '{x}' AS t FROM __THIS__ WHERE a < 3", frame)
    assert sorted((row.e, row.t) for row in found.collect()) == [
        (1, "{x}"),
        (2, "{x}"),
        (10, "{x}"),
        (20, "{x}"),
    ]
    with pytest.raises(SchemaError, match=r"SQLTransformer_.*: there is no column 'aa'; did you mean 'a'\?"):
        select("SELECT aa FROM __THIS__", frame)
