"""A model that was chosen by tuning is served, shown and exported as the model it chose."""

import numpy as np
import onnxruntime
import pytest

from fireside.ml import Pipeline
from fireside.ml.clustering import KMeans
from fireside.ml.evaluation import ClusteringEvaluator
from fireside.ml.feature import VectorAssembler
from fireside.ml.onnx import export
from fireside.ml.serving.description import describe, load_transformer
from fireside.ml.tuning import CrossValidator, ParamGridBuilder, TrainValidationSplit
from tests.ml.serving.http_client import client_of

ROWS = [{"a": float(i % 7), "b": 9.0 * (i % 2)} for i in range(40)]


@pytest.mark.parametrize("kind", [CrossValidator, TrainValidationSplit])
def test_a_chosen_model_is_served_shown_and_exported_as_what_it_chose(kind, tmp_path):
    kmeans = KMeans(seed=1)
    estimator = Pipeline(stages=[VectorAssembler(inputCols=["a", "b"], outputCol="features"), kmeans])
    grid = ParamGridBuilder().addGrid(kmeans.k, [2, 3]).build()
    search = kind(estimator=estimator, estimatorParamMaps=grid, evaluator=ClusteringEvaluator(), seed=3)
    search.fit(ROWS).save(tmp_path / "model")
    model = load_transformer(tmp_path / "model")
    shown = describe(model, tmp_path / "model")
    assert [one.kind for one in shown] == ["VectorAssembler", "KMeansModel"]
    assert all(one.num_bytes for one in shown)
    expected = [row["prediction"] for row in model.transform(ROWS)]
    predict = model.predictor(["prediction"])
    assert [predict(row)["prediction"] for row in ROWS] == expected
    client = client_of(model)
    assert [column["name"] for column in client.get("/schema").json()["inputs"]] == ["a", "b"]
    assert client.post("/predict", json=ROWS).json() == [{"prediction": one} for one in expected]
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = {name: np.array([[row[name]] for row in ROWS]) for name in ("a", "b")}
    assert session.run(["prediction"], feeds)[0].reshape(-1).tolist() == expected
