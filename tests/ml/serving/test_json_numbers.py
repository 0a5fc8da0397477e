"""What a JSON number is to a served model: the same alone and in an array, with a fraction or without one."""

import itertools
import json
from typing import Any

import pytest

from fireside.core.errors import ConfigError
from fireside.ml import Pipeline
from fireside.ml.base import Transformer
from fireside.ml.feature import (
    FeatureHasher,
    HashingTF,
    IndexToString,
    SQLTransformer,
    StringIndexer,
    Tokenizer,
)
from fireside.ml.serving.server_config import PredictionServerConfig
from tests.ml.serving.http_client import client_of

SQL = SQLTransformer(statement="SELECT *, x + 1 AS o FROM __THIS__")


def indexed(values: list[Any]) -> Transformer:
    return StringIndexer(inputCol="x", outputCol="o", handleInvalid="keep").fit({"x": values})


def message_of(response: Any) -> str:
    assert response.status_code == 422
    return response.json()["error"]["message"]


@pytest.mark.parametrize(
    "values", [[1.0, 2.0, 2.5, 1.0], [3, 1, 2, 1], [1e10, 1e-5, 1.0], ["1", "2"]], ids=str
)
def test_a_label_is_found_however_its_number_is_written(values):
    model = indexed(values)
    client = client_of(model)
    for value in values:
        expected = model.transform({"x": [value]})["o"]
        number = float(value)
        for written in {repr(number), str(int(number)) if number.is_integer() else repr(number)}:
            for body in (f'{{"x": {written}}}', f'[{{"x": {written}}}, {{"x": null}}]'):
                answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
                found = answer.json()
                assert [(found if isinstance(found, dict) else found[0])["o"]] == expected


def test_a_row_has_one_answer_alone_and_in_any_array():
    models = [indexed([1.0, 2.0, 2.5, 1.0]), SQL]
    for model, pair in itertools.product(models, itertools.permutations([1, 2.5, 2.0, 7], 2)):
        client = client_of(model)
        rows = [{"x": value} for value in pair]
        alone = [client.post("/predict", json=row).json() for row in rows]
        assert client.post("/predict", json=rows).json() == alone


@pytest.mark.parametrize(
    ("model", "row"),
    [
        (FeatureHasher(inputCols=["x"], outputCol="o", categoricalCols=["x"]), {"x": 1}),
        (HashingTF(inputCol="x", outputCol="o"), {"x": [1, 1]}),
        (indexed(["1", "2.5"]), {"x": 1}),
    ],
    ids=str,
)
def test_where_1_and_1_0_differ_the_server_must_be_told(model, row):
    message = message_of(client_of(model).post("/predict", json=row))
    assert "start the server with --type x=long or --type x=double" in message
    for kind, number in (("long", int), ("double", float)):
        given = row["x"]
        typed = [number(one) for one in given] if isinstance(given, list) else number(given)
        [expected] = model.transform({"x": [typed]})["o"]
        client = client_of(model, PredictionServerConfig(types={"x": kind}))
        for body in (json.dumps({"x": given}), json.dumps({"x": typed})):
            found = client.post("/predict", content=body, headers={"Content-Type": "application/json"}).json()
            if isinstance(expected, float):
                assert found == {"o": expected}
            else:
                assert found["o"]["indices"] == expected.indices.tolist()
    words = {"x": ["a", "b"] if isinstance(row["x"], list) else "a"}
    assert client_of(model).post("/predict", json=words).status_code == 200


def test_a_number_that_its_type_cannot_hold_is_refused():
    whole = client_of(indexed([1, 2]))
    assert "column 'x' has whole numbers, got 2.5" in message_of(whole.post("/predict", json={"x": 2.5}))
    doubles = client_of(IndexToString(inputCol="x", outputCol="o", labels=["a", "b"]))
    for row in ({"x": 9007199254740993}, [{"x": 1}, {"x": 9007199254740993}]):
        assert "which no double holds" in message_of(doubles.post("/predict", json=row))
    assert "too large for a double" in message_of(doubles.post("/predict", json={"x": 10**400}))
    # JavaScript writes the double 12345678901234567168 so.
    assert "has the index 1.2" in message_of(doubles.post("/predict", json={"x": 12345678901234567000}))
    ids = client_of(SQL, PredictionServerConfig(types={"id": "long"}))
    found = ids.post("/predict", json={"x": 1, "id": 9007199254740993}).json()
    assert found == {"x": 1.0, "id": 9007199254740993, "o": 2.0}


def test_what_was_asked_before_does_not_change_an_answer():
    bodies = [
        '{"k": 1}',
        '{"j": 5}',
        '{"k": "z"}',
        "[[1]]",
        "[[1.5]]",
        "[1]",
        "[]",
        "1",
        "9223372036854775808",
    ]
    headers = {"Content-Type": "application/json"}
    for pair in itertools.permutations(bodies, 2):
        client = client_of(SQL)
        for value in pair:
            answer = client.post("/predict", content=f'{{"x": 1.0, "m": {value}}}', headers=headers)
            assert answer.json() == {"x": 1.0, "m": json.loads(value), "o": 2.0}


def test_an_error_is_about_the_column_that_causes_it_whoever_asked_before():
    words = Tokenizer(inputCol="t", outputCol="words")
    model = Pipeline(stages=[words, HashingTF(inputCol="words", outputCol="o")]).fit({"t": ["a"]})
    client = client_of(model)
    for other in ({"k": 1}, {"j": 5}, {"k": "z"}):
        assert client.post("/predict", json={"t": "a", "m": other}).status_code == 200
        assert "column 't' has a null" in message_of(client.post("/predict", json={"t": None, "m": other}))


def test_values_nested_very_deep_are_refused():
    client = client_of(Tokenizer(inputCol="t", outputCol="words"))
    for opening, end in (('{"a":', "}"), ("[", "]")):
        body = f'{{"t": null, "y": {opening * 600}1{end * 600}}}'
        answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
        assert "column 'y': lists and objects lie more than 32 deep" in message_of(answer)


def test_a_type_of_a_column_that_nothing_reads_is_a_mistake():
    model = indexed([1.0])
    with pytest.raises(ConfigError, match=r"of column 'y', but the model reads \['x'\]"):
        client_of(model, PredictionServerConfig(types={"y": "long"}))
    client_of(model, PredictionServerConfig(types={"y": "long"}, outputs=("y", "o")))
    with pytest.raises(ConfigError, match="'double' or 'long', got 'int'"):
        PredictionServerConfig(types={"x": "int"})  # type: ignore[dict-item]
    [column] = client_of(model, PredictionServerConfig(types={"x": "long"})).get("/schema").json()["inputs"]
    assert (column["name"], column["numbers"]) == ("x", "long")
