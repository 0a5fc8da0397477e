"""One row through pipelines of six stages that Spark saved: our predictor beside Spark's own `PipelineModel`.

Spark fits and saves a text pipeline (Tokenizer, StopWordsRemover, HashingTF, IDF, Normalizer, NaiveBayes) and
a tabular one (Imputer, StringIndexer, OneHotEncoder, VectorAssembler, StandardScaler, KMeans). Both are
loaded here and by Spark, and given the same rows, one at a time; what they predict must agree. Spark is warm,
and its rows lie in cached data frames. Loading is timed in processes that have imported everything: the
first load, and later ones.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fireside.compute.spark import local_session
from fireside.ml import PipelineModel
from harness import Bar, Row, bar, run_benchmark

SEED = 7
BLOCKS = 5
TEXTS = [
    "The fire by the sea burned low, and the waves kept coming in over the salt and the stones.",
    "A court heard the clause read out; the judge of the court had doubts about its wording.",
    "Salt, waves and a quick storm: the harbour closed before noon.",
    "The contract names a party of the first part, who may withdraw before the hearing.",
]
LOAD_ONCE = """
import sys, time
import fireside.ml, fireside.ml.feature, fireside.ml.classification, fireside.ml.clustering
import numba, pandas, scipy.sparse, pyarrow.parquet
start = time.perf_counter()
fireside.ml.PipelineModel.load(sys.argv[1])
print(1e3 * (time.perf_counter() - start))
"""


def text_rows(count: int) -> list[dict[str, Any]]:
    """Rows of a text and a label."""
    return [{"text": TEXTS[i % 4], "label": float(i % 2)} for i in range(count)]


def tabular_rows(count: int) -> list[dict[str, Any]]:
    """Rows of three numbers, of which some are missing, and a label."""
    return [
        {
            "a": None if i % 11 == 3 else float(i * 7 % 13),
            "b": float(i * 5 % 17) / 3,
            "c": float(i % 2) * 40,
            "kind": "pqrs"[i % 4],
        }
        for i in range(count)
    ]


def spark_pipelines() -> dict[str, tuple[Any, list[dict[str, Any]], str]]:
    """Name -> Spark's pipeline, the rows to fit it to, and the schema of the rows."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import NaiveBayes
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.feature import (
        IDF,
        HashingTF,
        Imputer,
        Normalizer,
        OneHotEncoder,
        StandardScaler,
        StopWordsRemover,
        StringIndexer,
        Tokenizer,
        VectorAssembler,
    )

    text = Pipeline(
        stages=[
            Tokenizer(inputCol="text", outputCol="words"),
            StopWordsRemover(inputCol="words", outputCol="kept"),
            HashingTF(inputCol="kept", outputCol="counts", numFeatures=1 << 12),
            IDF(inputCol="counts", outputCol="weights"),
            Normalizer(inputCol="weights", outputCol="features"),
            NaiveBayes(),
        ]
    )
    tabular = Pipeline(
        stages=[
            Imputer(inputCols=["a", "b"], outputCols=["a1", "b1"]),
            StringIndexer(inputCol="kind", outputCol="index"),
            OneHotEncoder(inputCols=["index"], outputCols=["one_hot"]),
            VectorAssembler(inputCols=["a1", "b1", "c", "one_hot"], outputCol="assembled"),
            StandardScaler(inputCol="assembled", outputCol="features", withMean=True),
            KMeans(k=2, seed=SEED),
        ]
    )
    return {
        "text": (text, text_rows(64), "text string, label double"),
        "tabular": (tabular, tabular_rows(64), "a double, b double, c double, kind string"),
    }


def median_us(function: Callable[[], Any], rounds: int) -> float:
    """Median wall time in microseconds: of five blocks' medians the least, which others disturbed least."""
    medians = []
    for _ in range(BLOCKS):
        times = []
        for _ in range(max(1, rounds // BLOCKS)):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times))
    return round(1e6 * min(medians), 1)


def first_load_ms(path: Path) -> float:
    """The first load of a process that has imported the package."""
    command = [sys.executable, "-c", LOAD_ONCE, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_pipeline(
    name: str, spark: Any, pipeline: Any, rows: list[dict[str, Any]], schema: str, path: Path, quick: bool
) -> Row:
    """Both sides of one pipeline."""
    from pyspark.ml import PipelineModel as SparkPipelineModel

    pipeline.fit(spark.createDataFrame(rows, schema)).write().overwrite().save(str(path))
    theirs, ours = SparkPipelineModel.load(str(path)), PipelineModel.load(path)
    given = [{key: value for key, value in row.items() if key != "label"} for row in rows[:4]]
    columns = schema.replace(", label double", "")
    predict = ours.predictor(["prediction"])
    frames = [spark.createDataFrame([row], columns).cache() for row in given]
    expected = [theirs.transform(frame).select("prediction").collect()[0][0] for frame in frames]
    found = [predict(row)["prediction"] for row in given]
    if found != expected:
        raise SystemExit(f"{name}: the predictions differ: {found} here, {expected} in Spark")
    one = given[0]
    return {
        "pipeline": name,
        "stages": len(ours.stages),
        "predictor_us": median_us(lambda: predict(one), 1000 if quick else 10_000),
        "transform_us": median_us(lambda: ours.transform([one]), 20 if quick else 100),
        "spark_us": median_us(
            lambda: theirs.transform(frames[0]).select("prediction").collect(), 10 if quick else 50
        ),
        "load_ms": round(median_us(lambda: PipelineModel.load(path), 10 if quick else 50) / 1e3, 1),
        "first_load_ms": round(statistics.median(first_load_ms(path) for _ in range(2 if quick else 5)), 1),
        "spark_load_ms": round(
            median_us(lambda: SparkPipelineModel.load(str(path)), 2 if quick else 5) / 1e3, 1
        ),
    }


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """Fit and save in Spark; load and predict on both sides."""
    spark = local_session("local[2]")
    try:
        with tempfile.TemporaryDirectory() as directory:
            rows = [
                measure_pipeline(name, spark, *parts, Path(directory) / name, quick)
                for name, parts in spark_pipelines().items()
            ]
    finally:
        spark.stop()
    slowest = max(row["predictor_us"] for row in rows)
    return rows, [
        bar("one row, median, us", "<= 200", slowest),
        bar("Spark's time / ours, one row", ">= 10", min(r["spark_us"] / r["predictor_us"] for r in rows)),
        bar("load of the pipeline, ms", "<= 50", max(row["load_ms"] for row in rows)),
    ]


if __name__ == "__main__":
    run_benchmark("ml_serving", measure, packages=("pyspark", "scipy", "numba"), seeds=(SEED,))
