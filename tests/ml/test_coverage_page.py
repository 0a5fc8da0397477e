"""docs/ml/coverage.md says what is in both packages, and would show a gap."""

import pytest

pytest.importorskip("pyspark")

from docs.ml_coverage import PAGE, contract_instances, line_of, page, spark_params, without_java
from fireside.ml import feature as ours


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == page(), "run python docs/ml_coverage.py"


def test_every_class_of_part_one_is_there_without_a_gap():
    text = PAGE.read_text()
    assert "no reason given" not in text
    assert "**no**" not in text
    kinds = "all are pandas, pyarrow, polars, duckdb, parquet, csv, spark, spark_connect."
    assert kinds in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and line.count(" | ") == 7]
    assert len(rows) > 80
    assert [row for row in rows if not row.endswith("|  |") and not row.startswith("| class |")] == []


def test_a_param_default_or_method_that_is_missing_would_be_shown():
    from pyspark.ml import feature as theirs

    with without_java():
        wrong_class = line_of(ours.Tokenizer, theirs.NGram, {}, "")
        assert wrong_class.gaps == ("param n", "`getN`", "`setN`")
        odd = ours.NGram()
        odd._setDefault(n=5)
        assert line_of(ours.NGram, theirs.NGram, {ours.NGram: odd}, "").gaps == (
            "default of n: 5, in Spark 2",
        )
        assert line_of(ours.NGram, theirs.NGram, {}, "").gaps == ()


def test_params_of_spark_are_found_without_java():
    from pyspark.ml.feature import MinMaxScaler

    with without_java():
        found = spark_params(MinMaxScaler)
    assert (found["min"], found["max"]) == (0.0, 1.0)
    assert set(found) == {"inputCol", "outputCol", "min", "max"}


def test_the_contract_suite_gives_instances_of_estimators_and_models():
    instances = contract_instances()
    assert {ours.IDF, ours.IDFModel, ours.Tokenizer} <= set(instances)
