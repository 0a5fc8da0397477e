"""Feature stages for tables: fit and transform here and in pyspark.ml, on the same rows in one run.

Rows lie in memory on both sides: an Arrow table here, a cached frame in Spark (`local[2]`, session warm). Fit
and transform alternate between the two, best of two rounds; Spark writes what it transforms to its sink
that keeps nothing. A fit or transform that takes Spark no work (under 50 ms) has no ratio.
"""

import importlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse

from fireside.compute import TableDataset
from fireside.compute.spark import to_frame
from fireside.compute.spark.session import local_session
from fireside.ml.base import Estimator
from fireside.ml.feature import (
    DCT,
    PCA,
    Binarizer,
    Bucketizer,
    ElementwiseProduct,
    FeatureHasher,
    Imputer,
    Interaction,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PolynomialExpansion,
    QuantileDiscretizer,
    RobustScaler,
    VectorSizeHint,
    VectorSlicer,
)
from fireside.ml.linalg import DenseVector, VectorBlock
from harness import bar, run_benchmark

SEED = 3
NO_WORK_S = 0.05
INF = float("inf")

# Each with the columns that it reads.
STAGES: dict[str, tuple[Any, list[str]]] = {
    "Binarizer, numbers": (Binarizer(inputCol="x", outputCol="o"), ["x"]),
    "Binarizer, dense": (Binarizer(inputCol="v", outputCol="o"), ["v"]),
    "Binarizer, sparse": (Binarizer(inputCol="s", outputCol="o", threshold=0.5), ["s"]),
    "Bucketizer": (Bucketizer(inputCol="x", outputCol="o", splits=[-INF, -1.0, 0.0, 0.5, 1.0, INF]), ["x"]),
    "QuantileDiscretizer": (
        QuantileDiscretizer(inputCols=["x", "y"], outputCols=["o", "p"], numBuckets=10),
        ["x", "y"],
    ),
    "ElementwiseProduct": (
        ElementwiseProduct(inputCol="v", outputCol="o", scalingVec=DenseVector(np.arange(10.0))),
        ["v"],
    ),
    "PolynomialExpansion": (PolynomialExpansion(inputCol="v", outputCol="o"), ["v"]),
    "DCT": (DCT(inputCol="v", outputCol="o"), ["v"]),
    "MaxAbsScaler, dense": (MaxAbsScaler(inputCol="v", outputCol="o"), ["v"]),
    "MaxAbsScaler, sparse": (MaxAbsScaler(inputCol="s", outputCol="o"), ["s"]),
    "MinMaxScaler": (MinMaxScaler(inputCol="v", outputCol="o"), ["v"]),
    "RobustScaler": (RobustScaler(inputCol="v", outputCol="o"), ["v"]),
    "Imputer, mean": (Imputer(inputCols=["x", "y"], outputCols=["o", "p"]), ["x", "y"]),
    "Imputer, median": (
        Imputer(inputCols=["x", "y"], outputCols=["o", "p"], strategy="median"),
        ["x", "y"],
    ),
    "Imputer, mode": (Imputer(inputCols=["i", "j"], outputCols=["o", "p"], strategy="mode"), ["i", "j"]),
    "OneHotEncoder": (OneHotEncoder(inputCols=["i", "j"], outputCols=["o", "p"]), ["i", "j"]),
    "FeatureHasher": (
        FeatureHasher(inputCols=["x", "j", "t"], outputCol="o", categoricalCols=["j"]),
        ["x", "j", "t"],
    ),
    "Interaction": (Interaction(inputCols=["x", "y"], outputCol="o"), ["x", "y"]),
    "PCA": (PCA(k=3, inputCol="v", outputCol="o"), ["v"]),
    "VectorSlicer, dense": (VectorSlicer(inputCol="v", outputCol="o", indices=[7, 1, 3]), ["v"]),
    "VectorSlicer, sparse": (
        VectorSlicer(inputCol="s", outputCol="o", indices=list(range(0, 200, 3))),
        ["s"],
    ),
    "VectorSizeHint": (VectorSizeHint(inputCol="v", size=10), ["v"]),
}


def measure(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All rows and bars."""
    table = draw(50_000 if quick else 1_000_000)
    data = TableDataset(table)
    session = local_session("local[2]", settings={"spark.driver.memory": "4g"})
    # Two partitions for two cores: small ones would cost Spark more than the rows in them.
    frame = to_frame(data, session.range(1)).coalesce(2).cache()
    frame.count()
    rows = []
    for name, (stage, columns) in STAGES.items():
        ours, theirs = data.select(columns), frame.select(*columns)
        sides = [(stage, ours, read_all), (spark_stage(stage), theirs, write_nothing)]
        times = [[INF, INF], [INF, INF]]
        for _ in range(2):
            for best, (one, given, run) in zip(times, sides, strict=True):
                for place, seconds in enumerate(timed(one, given, run, fits=isinstance(stage, Estimator))):
                    best[place] = min(best[place], seconds)
        rows.append(row_of(name, len(table), *times))
    session.stop()
    ratios = [row[f"{step}_ratio"] for row in rows for step in ("fit", "transform")]
    known = [ratio for ratio in ratios if ratio is not None]
    mean = math.exp(sum(map(math.log, known)) / len(known))
    return rows, [
        bar("geometric mean of the ratios", ">= 10", mean),
        bar("the least of them", ">= 3", min(known)),
    ]


def draw(count: int) -> pa.Table:
    """Two columns of numbers, two of category indices, one of strings, dense and sparse vectors."""
    random = np.random.default_rng(SEED)
    dense = random.normal(size=(count, 10))
    sparse = scipy.sparse.random_array((count, 200), density=0.03, format="csr", rng=random)
    return pa.table(
        {
            "v": VectorBlock.from_dense(dense).to_arrow(),
            "s": VectorBlock.from_csr(sparse).to_arrow(),
            "x": dense[:, 0].copy(),
            "y": dense[:, 1].copy(),
            "i": random.integers(0, 20, count).astype(np.float64),
            "j": random.integers(0, 5, count),
            "t": pa.array(random.choice(["red", "green", "blue", "grey"], count)),
        }
    )


def spark_stage(stage: Any) -> Any:
    """pyspark's stage of the same name, with the same params."""
    from pyspark.ml.linalg import Vectors

    params = {
        name: Vectors.dense(value.toArray()) if isinstance(value, DenseVector) else value
        for name, value in stage._paramMap.items()
    }
    return getattr(importlib.import_module("pyspark.ml.feature"), type(stage).__name__)(**params)


def timed(stage: Any, given: Any, run: Callable[[Any], None], *, fits: bool) -> tuple[float, float]:
    """Seconds of a fit and of a transform of all rows."""
    start = time.perf_counter()
    model = stage.fit(given) if fits else stage
    fitted = time.perf_counter()
    run(model.transform(given))
    return fitted - start, time.perf_counter() - fitted


def read_all(data: Any) -> None:
    for _ in data.batches():
        pass


def write_nothing(frame: Any) -> None:
    frame.write.format("noop").mode("overwrite").save()


def row_of(name: str, count: int, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    row: dict[str, Any] = {"stage": name, "rows": count}
    for place, step in enumerate(("fit", "transform")):
        works = theirs[place] >= NO_WORK_S
        row[f"{step}_s"] = round(ours[place], 4)
        row[f"spark_{step}_s"] = round(theirs[place], 4)
        row[f"{step}_ratio"] = round(theirs[place] / ours[place], 2) if works else None
    return row


if __name__ == "__main__":
    run_benchmark("ml_tabular_features", measure, packages=("pyspark", "scipy", "numba"), seeds=(SEED,))
