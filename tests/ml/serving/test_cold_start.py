"""What a process that loads a small pipeline and predicts one row does not pay for: compiled kernels."""

import subprocess
import sys

from fireside.ml import Pipeline
from fireside.ml.classification import NaiveBayes
from fireside.ml.feature import (
    IDF,
    FeatureHasher,
    HashingTF,
    Normalizer,
    OneHotEncoder,
    StandardScaler,
    StringIndexer,
    Tokenizer,
    VectorAssembler,
)

PREDICT = """
import json, sys
import fireside.ml.classification, fireside.ml.clustering, fireside.ml.evaluation, fireside.ml.tuning
from fireside.ml import PipelineModel
rows = json.loads(sys.argv[1])
for path, row in zip(sys.argv[2:], rows, strict=True):
    print(PipelineModel.load(path).predictor(["prediction"])(row)["prediction"])
print(sorted({"numba", "duckdb", "onnx", "torch", "pyspark"} & set(sys.modules)))
"""


def test_loading_and_predicting_a_small_pipeline_compiles_nothing(tmp_path):
    texts = [{"text": "salt and waves", "label": 0.0}, {"text": "the judge of é", "label": 1.0}]
    text = [
        Tokenizer(inputCol="text", outputCol="words"),
        HashingTF(inputCol="words", outputCol="counts", numFeatures=1 << 10),
        IDF(inputCol="counts", outputCol="weights"),
        Normalizer(inputCol="weights", outputCol="features"),
        NaiveBayes(),
    ]
    table = [{"a": float(i), "kind": "pq"[i % 2], "label": float(i % 2)} for i in range(6)]
    tabular = [
        StringIndexer(inputCol="kind", outputCol="index"),
        OneHotEncoder(inputCols=["index"], outputCols=["one_hot"]),
        FeatureHasher(inputCols=["a", "kind"], outputCol="hashed", numFeatures=16),
        VectorAssembler(inputCols=["a", "one_hot", "hashed"], outputCol="assembled"),
        StandardScaler(inputCol="assembled", outputCol="features"),
        NaiveBayes(modelType="gaussian"),
    ]
    Pipeline(stages=text).fit(texts).save(tmp_path / "text")
    Pipeline(stages=tabular).fit(table).save(tmp_path / "tabular")
    rows = '[{"text": "the judge"}, {"a": 1.0, "kind": "q"}]'
    command = [sys.executable, "-c", PREDICT, rows, str(tmp_path / "text"), str(tmp_path / "tabular")]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert found == ["1.0", "1.0", "[]"]
