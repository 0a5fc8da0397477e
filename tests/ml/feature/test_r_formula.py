"""Formulas: how they are read, what they mean, and what Spark makes of the same ones."""

import pyarrow as pa
import pytest

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import entries_of
from fireside.ml.feature import RFormula, RFormulaModel
from fireside.ml.feature.formula import parse_formula
from fireside.ml.linalg import DenseVector, VectorBlock

SCHEMA = pa.schema(
    [
        ("y", pa.float64()),
        ("a", pa.float64()),
        ("b", pa.string()),
        ("c", pa.bool_()),
        ("l", pa.list_(pa.string())),
    ]
)

MEANINGS = {
    "y ~ a + b": "[a,b] true",
    "y ~ .": "[a,b,c] true",
    "~ a": "[a] true",
    "y~a+b-1": "[a,b] false",
    "y ~ 0 + a": "[a] false",
    "y ~ a + 1": "[a] true",
    "y ~ a - 0": "[a] true",
    "y ~ a + 0 + 1": "[a] true",
    "y ~ . - b": "[a,c] true",
    "y ~ a:b": "[{a,b}] true",
    "y ~ a*b": "[a,b,{a,b}] true",
    "y ~ a*b*c": "[a,b,{a,b},c,{a,c},{b,c},{a,b,c}] true",
    "y ~ a*b - a:b": "[a,b] true",
    "y ~ a*b - b:a": "[a,b] true",
    "y ~ (a + b + c)^2": "[a,b,{a,b},c,{a,c},{b,c}] true",
    "y ~ (a + b):c": "[{a,c},{b,c}] true",
    "y ~ a:a": "[a] true",
    "y ~ a + a": "[a] true",
    "y ~ a:b + b:a": "[{a,b}] true",
    "y ~ .:.": "[a,b,c,{a,b},{a,c},{b,c}] true",
    "y ~ . - .": "[] true",
    "y ~ a - (a + b)": "[] true",
    "y ~ (a + b) - 1 + c": "[a,b,c] false",
    "y ~ a^3": "[a] true",
    "nope ~ a": "[a] true",
}


def meaning(formula, schema=SCHEMA):
    resolved = parse_formula(formula).resolve(schema)
    terms = [t[0] if len(t) == 1 else f"{{{','.join(sorted(t))}}}" for t in resolved.terms]
    return sorted(terms), resolved.has_intercept


@pytest.mark.parametrize("formula", MEANINGS)
def test_formulas_mean_what_they_mean_in_r(formula):
    terms, intercept = MEANINGS[formula].split(" ")
    inner = terms[1:-1].replace("},{", "};{").replace(",{", ";{").replace("},", "};")
    expected = [
        part for group in inner.split(";") for part in ([group] if group[:1] == "{" else group.split(","))
    ]
    assert meaning(formula) == (sorted(part for part in expected if part), intercept == "true")


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("y ~~ a", "'~' is not expected there"),
        ("y", "'~' is missing before its end"),
        ("y ~", "it ends too early"),
        ("y ~ a +", "it ends too early"),
        ("y ~ (a + b", r"'\)' is missing before its end"),
        ("y ~ a b", "'b' is not expected there"),
        ("y ~ a^0", "'0' is no power"),
        ("y ~ a^b", "'b' is no power"),
        ("y ~ 2*a", "'2' is not expected there"),
        ("y ~ a & b", "'& b' cannot be read"),
        ("", "'~' is missing before its end"),
    ],
)
def test_what_is_no_formula_is_refused_where_reading_ends(formula, what):
    with pytest.raises(InputError, match=f"RFormula_.*: could not parse formula .*: {what}"):
        RFormula(formula=formula).fit({"y": [1.0], "a": [1.0], "b": [2.0]})


ROWS = pa.table(
    {
        "id": [0, 1, 2, 3, 4, 5],
        "y": [1.0, 0.0, 2.0, 1.0, 5.0, 2.0],
        "s": ["u", "v", "u", "w", "u", "v"],
        "t": ["x", "x", "y", "y", "x", "z"],
        "a": [1.5, 2.0, -1.0, 4.0, 0.0, 1.0],
        "n": [3, 1, 4, 1, 5, 9],
        "b": [True, False, True, True, False, False],
        "v": VectorBlock.from_vectors([DenseVector([i, 2.0 * i]) for i in range(6)]).to_arrow(),
    }
)


def test_strings_lose_their_last_category_unless_there_is_no_intercept():
    def names(formula):
        found = RFormula(formula=formula, labelCol="z").fit(ROWS).transform(ROWS)
        return [entry["name"] for entry in entries_of(found.schema.field("features"))]

    assert names("y ~ s + a") == ["s_u", "s_v", "a"]
    assert names("y ~ s + t - 1") == ["s_u", "s_v", "s_w", "t_x", "t_y"]
    assert names("y ~ a + t + s + 0") == ["a", "t_x", "t_y", "t_z", "s_u", "s_v"]
    assert names("y ~ s:a + v") == ["s_u:a", "s_v:a", "s_w:a", "v_0", "v_1"]


def test_labels_are_indexed_cast_or_left_out():
    assert RFormula(formula="s ~ a").fit(ROWS).transform(ROWS)["label"].to_pylist() == [0, 1, 0, 2, 0, 1]
    assert RFormula(formula="b ~ a").fit(ROWS).transform(ROWS)["label"].to_pylist() == [1, 0, 1, 1, 0, 0]
    forced = RFormula(formula="n ~ a", forceIndexLabel=True).fit(ROWS).transform(ROWS)
    assert forced["label"].to_pylist() == [1, 0, 2, 0, 3, 4]
    assert "label" not in RFormula(formula="nope ~ a").fit(ROWS).transform(ROWS).column_names
    model = RFormula(formula="y ~ a").fit(ROWS)
    assert "label" not in model.transform(ROWS.drop_columns(["y"])).column_names
    indexed = RFormula(formula="s ~ a").fit(ROWS)
    assert "label" not in indexed.transform(ROWS.drop_columns(["s"])).column_names
    same = RFormula(formula="y ~ a", labelCol="y").fit(ROWS).transform(ROWS)
    assert same.column_names == [*ROWS.column_names, "features"]


def test_invalid_rows_are_errors_skipped_or_kept():
    train = ROWS.select(["y", "s", "a"])
    rows = pa.table({"y": [1.0, 2.0, 3.0], "s": ["u", "new", None], "a": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match="has the unseen label 'new'"):
        RFormula(formula="y ~ s + a").fit(train).transform(rows)
    skipped = RFormula(formula="y ~ s + a", handleInvalid="skip").fit(train).transform(rows)
    assert skipped["y"].to_pylist() == [1.0]
    kept = RFormula(formula="y ~ s + a", handleInvalid="keep").fit(train).transform(rows)
    block = VectorBlock.from_arrow(kept["features"])
    assert block.to_dense().tolist() == [[1, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3]]


def test_columns_that_are_missing_taken_or_unfit_are_named():
    with pytest.raises(SchemaError, match=r"RFormula_.*: there is no column 'aa'; did you mean 'a'\?"):
        RFormula(formula="y ~ aa").fit(ROWS)
    with pytest.raises(SchemaError, match="column 'v' exists already: name another featuresCol"):
        RFormula(formula="y ~ a", featuresCol="v").fit(ROWS)
    with pytest.raises(
        SchemaError, match="column 's' exists already and holds no numbers: name another labelCol"
    ):
        RFormula(formula="y ~ a", labelCol="s").fit(ROWS)
    with pytest.raises(SchemaError, match="so that forceIndexLabel cannot hold"):
        RFormula(formula="y ~ a", labelCol="y", forceIndexLabel=True).fit(ROWS)
    lists = ROWS.append_column("l", pa.array([[1.0]] * 6))
    with pytest.raises(SchemaError, match=r"column 'l' is list<.*>, but a label is a number"):
        RFormula(formula="l ~ a").fit(lists)
    with pytest.raises(SchemaError, match=r"column 'l' is list<.*>, but a number, string, boolean or vector"):
        RFormula(formula="y ~ l").fit(lists)
    with pytest.raises(InputError, match="there are no rows to fit to"):
        RFormula(formula="y ~ a").fit(ROWS.slice(0, 0))
    with pytest.raises(InputError, match="param formula is not set"):
        RFormula().fit(ROWS)


def test_printed_formulas_are_those_of_spark(tmp_path):
    estimator = RFormula(formula="y ~ s:a + n")
    model = estimator.fit(ROWS)
    assert str(estimator) == f"RFormula(y ~ s:a + n) (uid={estimator.uid})"
    resolved = "ResolvedRFormula(label=y, terms=[{s,a},n], hasIntercept=true)"
    assert repr(model) == f"RFormulaModel: uid={estimator.uid}, resolvedFormula={resolved}"
    assert str(model) == f"RFormulaModel({resolved}) (uid={estimator.uid})"
    model.save(tmp_path / "model")
    assert RFormulaModel.load(tmp_path / "model").resolvedFormula == model.resolvedFormula


@pytest.mark.spark
def test_every_formula_gives_what_it_gives_in_spark(spark, tmp_path):
    from pyspark.ml.feature import RFormula as SparkFormula
    from pyspark.ml.feature import RFormulaModel as SparkModel

    from fireside.compute.spark.schema import spark_schema
    from fireside.ml.frame import open_frame
    from tests.ml.test_against_spark import assert_same_attributes, local_rows, plain, spark_frame

    frame = spark_frame(spark, ROWS).cache()
    for place, params in enumerate(
        [
            {"formula": "y ~ . - id"},
            {"formula": "s ~ t + n - 1", "stringIndexerOrderType": "alphabetDesc"},
            {"formula": "y ~ s*t + a"},
            {"formula": "y ~ (s + a + n)^2 - s:a", "stringIndexerOrderType": "frequencyAsc"},
            {"formula": "b ~ s:t:a + v + b + 0"},
            {"formula": "~ v + n + s", "handleInvalid": "keep"},
            {"formula": "n ~ a + t + 0", "forceIndexLabel": True, "handleInvalid": "skip"},
        ]
    ):
        ours = RFormula(**params).fit(ROWS)
        theirs = SparkFormula(**params).fit(frame)
        assert repr(ours).replace(ours.uid, "") == repr(theirs).replace(theirs.uid, "")
        expected = theirs.transform(frame).orderBy("id")
        schema = spark_schema(ours.transformSchema(open_frame(ROWS).schema))
        assert schema.names == expected.columns
        for name in ("features", "label"):
            if name in schema.names:
                assert_same_attributes(
                    schema[name].metadata.get("ml_attr"), expected.schema[name].metadata.get("ml_attr")
                )
        rows = [plain(list(row)) for row in expected.collect()]
        assert local_rows(ours.transform(ROWS)) == rows
        theirs.write().save(str(tmp_path / f"theirs {place}"))
        assert local_rows(RFormulaModel.load(tmp_path / f"theirs {place}").transform(ROWS)) == rows
        ours.save(tmp_path / f"ours {place}")
        loaded = SparkModel.load(str(tmp_path / f"ours {place}"))
        assert [plain(list(row)) for row in loaded.transform(frame).orderBy("id").collect()] == rows


def test_a_label_that_is_not_there_cannot_be_indexed():
    formula = RFormula(formula="~ a", forceIndexLabel=True)
    with pytest.raises(InputError, match=rf"{formula.uid}: the formula '~ a' has no label to index"):
        formula.fit({"a": [1.0, 2.0]})
