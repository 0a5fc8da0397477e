"""Every class of `fireside.ml.feature`, and two pipelines of six stages, beside pyspark.ml and scikit-learn.

One process measures all sides in one run, each fit and each transform by itself:

- **here**: a `pyarrow.Table` goes in, and `transform` gives a whole `pyarrow.Table` back;
- **Spark**: `local[2]`, session warm; the input is cached in its memory, in two partitions, and was counted
  before. A transform writes to Spark's sink that keeps nothing, so that every row and column is computed and
  none is held. A fit or transform that takes Spark no work (under 50 ms) has no ratio.
- **scikit-learn**, where it has the same transformer: NumPy arrays, CSR matrices or lists, which is what it
  works on without converting, and what it returns.

All sides run in turns, up to five times, and the best time of each counts; one that has had 20 s in all is
not run again. Fit and transform see the same rows, of the columns that the stage reads and no others.

    make bench NAME=ml_features                            everything, some ten minutes
    .venv/bin/python benchmarks/ml_features.py --only text    one part; the saved rows of the others stay
"""

import dataclasses
import functools
import importlib
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse
import sklearn.decomposition
import sklearn.feature_extraction
import sklearn.feature_extraction.text
import sklearn.feature_selection
import sklearn.impute
import sklearn.preprocessing

from fireside.compute import TableDataset
from fireside.compute.spark import to_frame
from fireside.compute.spark.session import local_session
from fireside.ml import Pipeline
from fireside.ml import feature as F
from fireside.ml.base import Estimator
from fireside.ml.classification import NaiveBayes
from fireside.ml.linalg import DenseVector, VectorBlock
from harness import Bar, Row, bar, run_in_parts

SEED = 3
ROWS, QUICK_ROWS = 1_000_000, 20_000
NO_WORK_S = 0.05
ROUNDS, ENOUGH_S = 5, 20.0
INF = float("inf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A stage to be measured.

    Attributes:
        name: what its rows are called.
        stage: ours; Spark's is made of its params.
        columns: those that it reads.
        peer: scikit-learn's transformer of the same kind, if there is one.
        given: makes what the peer works on of our table; with a label, a pair.
        share: of the rows of the table that all sides get, where Spark would take minutes for all.
    """

    name: str
    stage: Any
    columns: list[str]
    peer: Any = None
    given: Callable[[pa.Table], Any] | None = None
    share: float = 1.0


def dense(*columns: str) -> Callable[[pa.Table], Any]:
    """float64[N, D] of one column of vectors, or of several columns of numbers."""

    def given(table: pa.Table) -> Any:
        if len(columns) == 1 and pa.types.is_struct(table.schema.field(columns[0]).type):
            return VectorBlock.from_arrow(table[columns[0]]).to_dense()
        return np.stack([table[name].cast(pa.float64()).to_numpy() for name in columns], axis=1)

    return given


def labelled(features: str, label: str) -> Callable[[pa.Table], Any]:
    return lambda table: (dense(features)(table), table[label].to_numpy())


def csr(column: str) -> Callable[[pa.Table], Any]:
    return lambda table: VectorBlock.from_arrow(table[column]).to_csr()


def strings(*columns: str) -> Callable[[pa.Table], Any]:
    return lambda table: np.stack([table[name].to_numpy(zero_copy_only=False) for name in columns], axis=1)


def word_lists(table: pa.Table) -> list[list[str]]:
    """Lists of strings, equal words being one object, as they are after reading with interned words."""
    column = table["words"].combine_chunks()
    distinct = column.flatten().dictionary_encode()
    words = np.array(distinct.dictionary.to_pylist(), object)[distinct.indices.to_numpy()].tolist()
    bounds = column.offsets.to_numpy().tolist()
    return [words[start:end] for start, end in itertools.pairwise(bounds)]


def itself(words: list[str]) -> list[str]:
    return words


def pairs(table: pa.Table) -> list[dict[str, Any]]:
    return table.select(["x", "t"]).to_pylist()


def one_in(column: str) -> dict[str, Any]:
    return {"inputCol": column, "outputCol": "o"}


TWO: dict[str, Any] = {"inputCols": ["x", "y"], "outputCols": ["o", "p"]}
TWO_HOLED: dict[str, Any] = {"inputCols": ["m", "n"], "outputCols": ["o", "p"]}
TWO_INDICES: dict[str, Any] = {"inputCols": ["i", "j"], "outputCols": ["o", "p"]}
Sk = sklearn.preprocessing
SkSelect = sklearn.feature_selection
SkText = sklearn.feature_extraction.text

NUMBERS = [
    Case(name="Binarizer, numbers", stage=F.Binarizer(**one_in("x")), columns=["x"]),
    Case(
        name="Bucketizer",
        stage=F.Bucketizer(**one_in("x"), splits=[-INF, -1.0, 0.0, 0.5, 1.0, INF]),
        columns=["x"],
    ),
    Case(
        name="QuantileDiscretizer",
        stage=F.QuantileDiscretizer(**TWO, numBuckets=10),
        columns=["x", "y"],
        # scikit-learn would look at 200,000 rows alone.
        peer=Sk.KBinsDiscretizer(
            n_bins=10, encode="ordinal", subsample=None, quantile_method="averaged_inverted_cdf"
        ),
        given=dense("x", "y"),
    ),
    Case(
        name="Imputer, mean",
        stage=F.Imputer(**TWO_HOLED),
        columns=["m", "n"],
        peer=sklearn.impute.SimpleImputer(),
        given=dense("m", "n"),
    ),
    Case(
        name="Imputer, median",
        stage=F.Imputer(**TWO_HOLED, strategy="median"),
        columns=["m", "n"],
        peer=sklearn.impute.SimpleImputer(strategy="median"),
        given=dense("m", "n"),
    ),
    Case(
        name="Imputer, mode",
        stage=F.Imputer(**TWO_INDICES, strategy="mode"),
        columns=["i", "j"],
        peer=sklearn.impute.SimpleImputer(strategy="most_frequent"),
        given=dense("i", "j"),
    ),
    Case(
        name="OneHotEncoder",
        stage=F.OneHotEncoder(**TWO_INDICES),
        columns=["i", "j"],
        peer=Sk.OneHotEncoder(),
        given=dense("i", "j"),
    ),
    Case(
        name="StringIndexer, strings",
        stage=F.StringIndexer(inputCols=["t", "u"], outputCols=["o", "p"]),
        columns=["t", "u"],
        peer=Sk.OrdinalEncoder(),
        given=strings("t", "u"),
    ),
    Case(name="StringIndexer, numbers", stage=F.StringIndexer(**one_in("i")), columns=["i"]),
    Case(
        name="IndexToString",
        stage=F.IndexToString(**one_in("i"), labels=[f"label {place}" for place in range(20)]),
        columns=["i"],
    ),
    Case(
        name="FeatureHasher",
        stage=F.FeatureHasher(inputCols=["x", "t"], outputCol="o"),
        columns=["x", "t"],
        peer=sklearn.feature_extraction.FeatureHasher(n_features=1 << 18, alternate_sign=False),
        given=pairs,
    ),
    Case(name="Interaction", stage=F.Interaction(inputCols=["x", "y"], outputCol="o"), columns=["x", "y"]),
    Case(
        name="VectorAssembler",
        stage=F.VectorAssembler(inputCols=["x", "y", "i", "j"], outputCol="o"),
        columns=["x", "y", "i", "j"],
    ),
    Case(
        name="TargetEncoder",
        stage=F.TargetEncoder(**TWO_INDICES, labelCol="label", targetType="binary"),
        columns=["i", "j", "label"],
        peer=Sk.TargetEncoder(target_type="binary"),
        given=lambda table: (dense("i", "j")(table), table["label"].to_numpy()),
    ),
    Case(name="RFormula", stage=F.RFormula(formula="label ~ x + t + t:y"), columns=["x", "y", "t", "label"]),
    Case(
        name="SQLTransformer",
        stage=F.SQLTransformer(statement="SELECT *, x + y AS o FROM __THIS__ WHERE j < 4"),
        columns=["x", "y", "j"],
    ),
]

VECTORS = [
    Case(
        name="Binarizer, dense",
        stage=F.Binarizer(**one_in("v")),
        columns=["v"],
        peer=Sk.Binarizer(),
        given=dense("v"),
    ),
    Case(
        name="ElementwiseProduct",
        stage=F.ElementwiseProduct(**one_in("v"), scalingVec=DenseVector(np.arange(10.0))),
        columns=["v"],
    ),
    Case(
        name="PolynomialExpansion",
        stage=F.PolynomialExpansion(**one_in("v")),
        columns=["v"],
        peer=Sk.PolynomialFeatures(include_bias=False),
        given=dense("v"),
    ),
    Case(name="DCT", stage=F.DCT(**one_in("v")), columns=["v"]),
    Case(
        name="Normalizer, dense",
        stage=F.Normalizer(**one_in("v")),
        columns=["v"],
        peer=Sk.Normalizer(),
        given=dense("v"),
    ),
    Case(
        name="StandardScaler, dense",
        stage=F.StandardScaler(**one_in("v"), withMean=True),
        columns=["v"],
        peer=Sk.StandardScaler(),
        given=dense("v"),
    ),
    Case(
        name="MaxAbsScaler, dense",
        stage=F.MaxAbsScaler(**one_in("v")),
        columns=["v"],
        peer=Sk.MaxAbsScaler(),
        given=dense("v"),
    ),
    Case(
        name="MinMaxScaler",
        stage=F.MinMaxScaler(**one_in("v")),
        columns=["v"],
        peer=Sk.MinMaxScaler(),
        given=dense("v"),
    ),
    Case(
        name="RobustScaler",
        stage=F.RobustScaler(**one_in("v")),
        columns=["v"],
        peer=Sk.RobustScaler(with_centering=False),
        given=dense("v"),
    ),
    Case(
        name="PCA",
        stage=F.PCA(**one_in("v"), k=3),
        columns=["v"],
        peer=sklearn.decomposition.PCA(3),
        given=dense("v"),
    ),
    Case(name="VectorSlicer, dense", stage=F.VectorSlicer(**one_in("v"), indices=[7, 1, 3]), columns=["v"]),
    Case(name="VectorSizeHint", stage=F.VectorSizeHint(inputCol="v", size=10), columns=["v"]),
    Case(name="VectorIndexer", stage=F.VectorIndexer(**one_in("c"), maxCategories=8), columns=["c"]),
    Case(
        name="ChiSqSelector",
        stage=F.ChiSqSelector(featuresCol="c", outputCol="o", labelCol="k", numTopFeatures=4),
        columns=["c", "k"],
        peer=SkSelect.SelectKBest(SkSelect.chi2, k=4),
        given=labelled("c", "k"),
    ),
    Case(
        name="UnivariateFeatureSelector, categorical",
        stage=F.UnivariateFeatureSelector(
            featuresCol="c", outputCol="o", labelCol="k", selectionMode="numTopFeatures"
        )
        .setFeatureType("categorical")
        .setLabelType("categorical")
        .setSelectionThreshold(4),
        columns=["c", "k"],
        peer=SkSelect.SelectKBest(SkSelect.chi2, k=4),
        given=labelled("c", "k"),
    ),
    Case(
        name="UnivariateFeatureSelector, classes",
        stage=F.UnivariateFeatureSelector(
            featuresCol="v", outputCol="o", labelCol="k", selectionMode="numTopFeatures"
        )
        .setFeatureType("continuous")
        .setLabelType("categorical")
        .setSelectionThreshold(4),
        columns=["v", "k"],
        peer=SkSelect.SelectKBest(SkSelect.f_classif, k=4),
        given=labelled("v", "k"),
    ),
    Case(
        name="UnivariateFeatureSelector, continuous",
        stage=F.UnivariateFeatureSelector(
            featuresCol="v", outputCol="o", labelCol="z", selectionMode="numTopFeatures"
        )
        .setFeatureType("continuous")
        .setLabelType("continuous")
        .setSelectionThreshold(4),
        columns=["v", "z"],
        peer=SkSelect.SelectKBest(SkSelect.f_regression, k=4),
        given=labelled("v", "z"),
    ),
    Case(
        name="VarianceThresholdSelector",
        stage=F.VarianceThresholdSelector(featuresCol="v", outputCol="o", varianceThreshold=1.0),
        columns=["v"],
        peer=SkSelect.VarianceThreshold(0.999),
        given=dense("v"),
    ),
    Case(
        name="BucketedRandomProjectionLSH",
        stage=F.BucketedRandomProjectionLSH(**one_in("v"), bucketLength=2.0, numHashTables=3, seed=SEED),
        columns=["v"],
    ),
]

SPARSE = [
    Case(
        name="Binarizer, sparse",
        stage=F.Binarizer(**one_in("s"), threshold=0.5),
        columns=["s"],
        peer=Sk.Binarizer(threshold=0.5),
        given=csr("s"),
    ),
    Case(
        name="Normalizer, sparse",
        stage=F.Normalizer(**one_in("s")),
        columns=["s"],
        peer=Sk.Normalizer(),
        given=csr("s"),
    ),
    Case(
        name="StandardScaler, sparse",
        stage=F.StandardScaler(**one_in("s")),
        columns=["s"],
        peer=Sk.StandardScaler(with_mean=False),
        given=csr("s"),
    ),
    Case(
        name="MaxAbsScaler, sparse",
        stage=F.MaxAbsScaler(**one_in("s")),
        columns=["s"],
        peer=Sk.MaxAbsScaler(),
        given=csr("s"),
    ),
    Case(
        name="VectorSlicer, sparse",
        stage=F.VectorSlicer(**one_in("s"), indices=list(range(0, 200, 3))),
        columns=["s"],
    ),
    Case(name="MinHashLSH", stage=F.MinHashLSH(**one_in("s"), numHashTables=3, seed=SEED), columns=["s"]),
]

TEXT = [
    Case(name="Tokenizer", stage=F.Tokenizer(**one_in("text")), columns=["text"]),
    Case(
        name="RegexTokenizer, a class",
        stage=F.RegexTokenizer(**one_in("text"), pattern=r"\W+"),
        columns=["text"],
    ),
    Case(
        name="RegexTokenizer, a pattern",
        stage=F.RegexTokenizer(**one_in("text"), pattern=r"[a-z]+(?:-[a-z]+)*|\d+", gaps=False),
        columns=["text"],
    ),
    Case(name="StopWordsRemover", stage=F.StopWordsRemover(**one_in("words")), columns=["words"]),
    Case(name="NGram", stage=F.NGram(**one_in("words")), columns=["words"]),
    Case(
        name="HashingTF",
        stage=F.HashingTF(**one_in("words")),
        columns=["words"],
        peer=SkText.HashingVectorizer(
            analyzer=itself, n_features=1 << 18, norm=None, alternate_sign=False, dtype=np.float64
        ),
        given=word_lists,
    ),
    Case(
        name="CountVectorizer",
        stage=F.CountVectorizer(**one_in("words")),
        columns=["words"],
        peer=SkText.CountVectorizer(analyzer=itself),
        given=word_lists,
    ),
    Case(
        name="IDF",
        stage=F.IDF(**one_in("counts")),
        columns=["counts"],
        peer=SkText.TfidfTransformer(norm=None),
        given=csr("counts"),
    ),
]

WORD2VEC = [
    Case(name="Word2Vec", stage=F.Word2Vec(**one_in("words"), seed=SEED), columns=["words"], share=0.05),
]

PIPELINES = [
    Case(
        name="text pipeline of 6 stages",
        stage=Pipeline(
            stages=[
                F.Tokenizer(inputCol="text", outputCol="words"),
                F.StopWordsRemover(inputCol="words", outputCol="kept"),
                F.HashingTF(inputCol="kept", outputCol="counts"),
                F.IDF(inputCol="counts", outputCol="weights"),
                F.Normalizer(inputCol="weights", outputCol="features"),
                NaiveBayes(),
            ]
        ),
        columns=["text", "label"],
    ),
    Case(
        name="tabular pipeline of 6 stages",
        stage=Pipeline(
            stages=[
                F.Imputer(inputCols=["m", "n"], outputCols=["m1", "n1"]),
                F.StringIndexer(inputCols=["t", "u"], outputCols=["t1", "u1"]),
                F.OneHotEncoder(inputCols=["t1"], outputCols=["t2"]),
                F.VectorAssembler(inputCols=["m1", "n1", "u1", "t2"], outputCol="assembled"),
                F.StandardScaler(inputCol="assembled", outputCol="features"),
                NaiveBayes(modelType="gaussian"),
            ]
        ),
        columns=["m", "n", "t", "u", "label"],
    ),
]


def draw_numbers(count: int) -> pa.Table:
    """Numbers, some with holes, category indices, strings of few and of many kinds, and a label."""
    random = np.random.default_rng(SEED)
    numbers = random.normal(size=(4, count))
    holes = random.random((2, count)) < 0.1
    kinds = np.array(["red", "green", "blue", "grey"])
    return pa.table(
        {
            "x": numbers[0],
            "y": numbers[1],
            "m": pa.array(numbers[2], mask=holes[0]),
            "n": pa.array(numbers[3], mask=holes[1]),
            "i": random.integers(0, 20, count).astype(np.float64),
            "j": random.integers(0, 5, count),
            "t": pa.array(kinds[random.integers(0, 4, count)]),
            "u": pa.array([f"kind {place}" for place in range(1000)]).take(
                pa.array(random.integers(0, 1000, count))
            ),
            "label": random.integers(0, 2, count).astype(np.float64),
        }
    )


def draw_vectors(count: int) -> pa.Table:
    """Dense vectors, dense vectors of categories, a label of four classes and one of numbers."""
    random = np.random.default_rng(SEED)
    values = random.normal(size=(count, 10))
    return pa.table(
        {
            "v": VectorBlock.from_dense(values).to_arrow(),
            "c": VectorBlock.from_dense(random.integers(0, 5, (count, 10)).astype(np.float64)).to_arrow(),
            "k": random.integers(0, 4, count).astype(np.float64),
            "z": values[:, 1] + random.normal(size=count),
        }
    )


def draw_sparse(count: int) -> pa.Table:
    """Sparse vectors of 200 entries, 6 of them stored on average, none empty."""
    random = np.random.default_rng(SEED)
    sparse = scipy.sparse.random_array((count, 200), density=0.03, format="lil", rng=random)
    sparse[:, 0] = 1.0
    return pa.table({"s": VectorBlock.from_csr(sparse.tocsr()).to_arrow()})


def draw_text(count: int) -> pa.Table:
    """Texts of 5 to 20 words as Zipf has them, 20,000 different ones, stop words the most frequent; a label.

    The words of the texts, and their counts, come with them.
    """
    random = np.random.default_rng(SEED)
    letters = np.array(list("aeioubcdfghklmnprstvz"))
    made = ["".join(letters[random.integers(0, len(letters), random.integers(3, 11))]) for _ in range(20_000)]
    vocabulary = [*F.StopWordsRemover.loadDefaultStopWords("english")[:60], *made]
    chances = 1.0 / (np.arange(len(vocabulary)) + 5.0)
    lengths = random.integers(5, 21, count)
    codes = random.choice(len(vocabulary), lengths.sum(), p=chances / chances.sum())
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    words = pa.ListArray.from_arrays(offsets, pa.array(vocabulary).take(pa.array(codes)))
    text = pc.utf8_capitalize(pc.binary_join(words, " "))
    counts = F.HashingTF(inputCol="words", outputCol="counts").transform(pa.table({"words": words}))
    label = random.integers(0, 2, count).astype(np.float64)
    return pa.table(
        {"text": text, "words": words, "counts": counts["counts"].combine_chunks(), "label": label}
    )


def draw_pipelines(count: int) -> pa.Table:
    table = draw_numbers(count)
    return table.append_column("text", draw_text(count)["text"])


PARTS: dict[str, tuple[list[Case], Callable[[int], pa.Table]]] = {
    "numbers": (NUMBERS, draw_numbers),
    "vectors": (VECTORS, draw_vectors),
    "sparse": (SPARSE, draw_sparse),
    "text": (TEXT, draw_text),
    "word2vec": (WORD2VEC, draw_text),
    "pipelines": (PIPELINES, draw_pipelines),
}


def measure(quick: bool, *, part: str) -> list[Row]:
    """The rows of a part."""
    cases, draw = PARTS[part]
    table = draw(QUICK_ROWS if quick else ROWS)
    session = local_session("local[2]", settings={"spark.driver.memory": "6g"})
    table = table.select(list(dict.fromkeys(name for case in cases for name in case.columns)))
    rows: list[Row] = []
    with cached(session, table) as frame:
        for case in cases:
            if case.share == 1.0:
                rows += rows_of(case, table, frame)
                continue
            some = table.slice(0, int(case.share * len(table)))
            with cached(session, some) as few:
                rows += rows_of(case, some, few)
    return rows


@contextmanager
def cached(session: Any, table: pa.Table) -> Iterator[Any]:
    """A table in Spark's memory, in two partitions: many small ones would cost Spark more than the rows."""
    frame = to_frame(TableDataset(table), session.range(1)).coalesce(2).cache()
    frame.count()
    yield frame
    frame.unpersist(blocking=True)


def rows_of(case: Case, table: pa.Table, frame: Any) -> list[Row]:
    """A row for the fit, where there is one, and one for the transform."""
    ours, theirs = table.select(case.columns), frame.select(*case.columns)
    fits = isinstance(case.stage, Estimator)
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        "": lambda: timed(case.stage, ours, lambda made: None, fits=fits),
        "spark_": lambda: timed(spark_stage(case.stage), theirs, write_nothing, fits=fits),
    }
    if case.peer is not None and case.given is not None:
        given = case.given(ours)
        sides["sklearn_"] = lambda: timed_peer(case.peer, given)
    best, spent = dict.fromkeys(sides, (INF, INF)), dict.fromkeys(sides, 0.0)
    for _ in range(ROUNDS):
        for side, run in sides.items():
            if spent[side] < ENOUGH_S:
                seconds = run()
                best[side] = tuple(map(min, best[side], seconds))
                spent[side] += sum(seconds)
    rows = []
    for place, step in enumerate(("fit", "transform")):
        if step == "fit" and not fits:
            continue
        row: Row = {"stage": case.name, "step": step, "rows": len(table)}
        seconds = {side: times[place] for side, times in best.items()}
        row |= {f"{side}s": round(value, 5) for side, value in seconds.items()}
        if seconds["spark_"] >= NO_WORK_S:
            row["spark_ratio"] = round(seconds["spark_"] / seconds[""], 2)
        # A peer that learns nothing has a fit that only checks its params.
        if "sklearn_" in seconds:
            row["sklearn"] = type(case.peer).__name__
            row["sklearn_ratio"] = round(seconds["sklearn_"] / seconds[""], 2)
        rows.append(row)
        print(row, flush=True)
    return rows


def spark_stage(stage: Any) -> Any:
    """pyspark's stage of the same name, with the same params."""
    from pyspark.ml.linalg import Vectors

    def converted(value: Any) -> Any:
        if isinstance(value, DenseVector):
            return Vectors.dense(value.toArray())
        return [spark_stage(one) for one in value] if isinstance(stage, Pipeline) else value

    package = type(stage).__module__.split(".")[2]
    made = getattr(importlib.import_module(f"pyspark.ml.{package}"), type(stage).__name__)()
    for name, value in stage._paramMap.items():
        made.set(made.getParam(name), converted(value))
    return made


def timed(stage: Any, given: Any, run: Callable[[Any], None], *, fits: bool) -> tuple[float, float]:
    """Seconds of a fit and of a transform of all rows."""
    start = time.perf_counter()
    model = stage.fit(given) if fits else stage
    fitted = time.perf_counter()
    run(model.transform(given))
    return fitted - start, time.perf_counter() - fitted


def timed_peer(peer: Any, given: Any) -> tuple[float, float]:
    """The same for scikit-learn, with the label where there is one."""
    start = time.perf_counter()
    if isinstance(given, tuple):
        features, label = given
        peer.fit(features, label)
    else:
        features = given
        peer.fit(features)
    fitted = time.perf_counter()
    peer.transform(features)
    return fitted - start, time.perf_counter() - fitted


def write_nothing(frame: Any) -> None:
    frame.write.format("noop").mode("overwrite").save()


def bars_of(rows: list[Row]) -> list[Bar]:
    """The bars of all parts measured so far."""
    spark = [row["spark_ratio"] for row in rows if "spark_ratio" in row]
    peers = [row["sklearn_ratio"] for row in rows if "sklearn_ratio" in row]
    return [
        bar("Spark's time / ours, geometric mean", ">= 10", geometric_mean(spark)),
        bar("Spark's time / ours, the least", ">= 3", min(spark)),
        *(
            [bar("scikit-learn's time / ours, geometric mean", ">= 1", geometric_mean(peers))]
            if peers
            else []
        ),
    ]


def geometric_mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


if __name__ == "__main__":
    run_in_parts(
        "ml_features",
        {part: functools.partial(measure, part=part) for part in PARTS},
        bars_of,
        packages=("pyspark", "scikit-learn", "scipy", "numba"),
        seeds=(SEED,),
    )
