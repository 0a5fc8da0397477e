"""One small problem for every stage: what the contract suite and the comparison with Spark run on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.ml.attributes import binary_field, nominal_field, vector_field_of, vector_field_of_entries
from fireside.ml.base import Estimator, PipelineStage
from fireside.ml.classification import NaiveBayes
from fireside.ml.clustering import KMeans
from fireside.ml.feature import (
    DCT,
    IDF,
    PCA,
    Binarizer,
    BucketedRandomProjectionLSH,
    Bucketizer,
    ChiSqSelector,
    CountVectorizer,
    ElementwiseProduct,
    FeatureHasher,
    HashingTF,
    Imputer,
    IndexToString,
    Interaction,
    MaxAbsScaler,
    MinHashLSH,
    MinMaxScaler,
    NGram,
    Normalizer,
    OneHotEncoder,
    PolynomialExpansion,
    QuantileDiscretizer,
    RegexTokenizer,
    RFormula,
    RobustScaler,
    SQLTransformer,
    StandardScaler,
    StopWordsRemover,
    StringIndexer,
    TargetEncoder,
    Tokenizer,
    UnivariateFeatureSelector,
    VarianceThresholdSelector,
    VectorAssembler,
    VectorIndexer,
    VectorSizeHint,
    VectorSlicer,
    Word2Vec,
)
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

INF, NAN = float("inf"), float("nan")
TEXTS = [
    "The quick brown fox  jumps",
    "over the LAZY dog; dog dog",
    " leading and trailing ",
    "Straße ÄÖÜ naïve ΣΊΣΥΦΟΣ",
    "tabs\tand\nlines\r\nmixed",
    "a b c d e f g a b a",
    "",
    "numbers 1 22 333 4444, and_underscores",
]
WORDS = [["a", "b", "a"], ["The", "cat"], [], ["b", "c", "d", "e", "b"], ["x"], ["the", "é", "Z"]]
LABELS = ["b", "a", "c", "b", "é", "b", "a", "Z"]


def frame_of(**columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({"id": np.arange(rows), **columns})


def described(frame: pa.Table, *fields: pa.Field) -> pa.Table:
    """The frame with the metadata of some fields."""
    for described_field in fields:
        name = described_field.name
        frame = frame.set_column(frame.column_names.index(name), described_field, frame[name])
    return frame


def vectors_of(*vectors: Any) -> pa.Array:
    return VectorBlock.arrow_from_vectors(vectors)


DENSE = vectors_of(*[DenseVector(row) for row in np.random.default_rng(5).normal(3, 2, (12, 4))])
MIXED = vectors_of(
    DenseVector([1.0, 0.0, 3.0, -2.0]),
    SparseVector(4, {0: 2.0, 3: 1.0}),
    SparseVector(4, {1: 5.0}),
    SparseVector(4, {0: 0.0, 2: 4.0}),
    DenseVector([0.0, 0.0, 0.0, 0.0]),
    SparseVector(4, {}),
)
SETS = vectors_of(
    SparseVector(9, dict.fromkeys([0, 2, 3], 1.0)),
    SparseVector(9, dict.fromkeys([0, 2], 1.0)),
    DenseVector([0, 0, 0, 0, 1, 1, 0, 0, 1]),
    SparseVector(9, dict.fromkeys([4, 5, 7], 2.0)),
    SparseVector(9, {0: 0.0, 4: 1.0, 5: 1.0}),
)
BLOBS = vectors_of(
    *[
        DenseVector(centre + offset)
        for centre in np.array([[0.0, 0.0], [9.0, 9.0], [0.0, 20.0]])
        for offset in np.array([[0.0, 0.5], [0.25, -0.5], [-0.25, 0.0], [0.5, 0.25]])
    ]
)
DIRECTIONS = vectors_of(
    *[SparseVector(5, {0: 1.0 + i, 1: 0.1 * i}) for i in range(4)],
    *[SparseVector(5, {3: 2.0, 4: 0.2 * i}) for i in range(4)],
)
COUNTS = vectors_of(
    DenseVector([1.0, 0.0, 3.0]),
    SparseVector(3, {0: 2.0, 2: 1.5}),
    SparseVector(3, {1: 5.0}),
    DenseVector([0.0, 4.0, 1.0]),
    SparseVector(3, {}),
    SparseVector(3, {0: 0.0, 2: 4.0}),
    DenseVector([2.0, 2.0, 2.0]),
)
BITS = vectors_of(*[SparseVector(4, {i % 4: 1.0, (i * i + 1) % 4: 1.0}) for i in range(7)])
CLASSES = [0.0, 0.0, 1.0, 1.0, 2.0, 0.0, 2.0]


@dataclass(frozen=True)
class Case:
    """A stage and a frame for it.

    Attributes:
        stage: makes the stage.
        frame: the rows; `id` orders them.
        reads: the columns that the stage reads.
        nulls: whether null in those columns is an error ("error"), or has a meaning of its own ("allowed").
        fits_nothing: whether an estimator can be fitted to no rows.
        digits: relative error allowed against Spark.
        tags: "optional input": a fitted model does without the columns; "not in pandas": it cannot hold the
            frame, because of nulls beside NaN or integers, or metadata of columns; "appends nothing": all
            columns stay.
    """

    stage: Callable[[], PipelineStage]
    frame: pa.Table
    reads: tuple[str, ...]
    nulls: str = "error"
    fits_nothing: bool = False
    digits: float = 0.0
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_estimator(self) -> bool:
        return isinstance(self.stage(), Estimator)

    def fitted(self, frame: Any) -> Any:
        """The stage itself, or the model it fits to a frame."""
        stage = self.stage()
        return stage.fit(frame) if isinstance(stage, Estimator) else stage


text, words = frame_of(text=TEXTS), frame_of(words=WORDS)
mixed, dense = frame_of(v=MIXED), frame_of(v=DENSE)
numbers = frame_of(
    a=[1.5, 0.0, -2.0, 0.0],
    b=pa.array([1, 0, 3, 0]),
    c=[True, False, True, False],
    v=vectors_of(DenseVector([1, 2]), SparseVector(2, {}), SparseVector(2, {1: 2.0}), DenseVector([0, 0])),
)
tabular = frame_of(
    x=[2.5, 1e7, None, 0.0, -0.1],
    b=[True, False, None, True, False],
    s=["foo", "bar", "", None, "é"],
    n=pa.array([3, 0, None, -1, 3], pa.int32()),
    f=pa.array([1.1, None, 0.1, 2.5, 1e-5], pa.float32()),
)


# Spark leaves the order of sentences, and of words that occur equally often, to chance; here are none.
SENTENCES = frame_of(
    words=[
        [*["fire", "ember", "fire", "hearth"] * 3, "ash", "ember", "ash"],
        ["soot"],
        [],
        ["fog", "mist"],
    ]
)
FORMULA = frame_of(
    y=[1.0, 0.0, 2.0, 1.0, 5.0],
    s=["u", "v", "u", "w", "v"],
    t=["x", "x", "y", "y", "y"],
    a=[1.5, 2.0, -1.0, 4.0, 0.0],
    b=[True, False, True, True, False],
    v=vectors_of(*[DenseVector([i, 2.0 * i]) for i in range(5)]),
)

CASES = {
    "Tokenizer": Case(lambda: Tokenizer(inputCol="text", outputCol="out"), text, ("text",)),
    "RegexTokenizer": Case(lambda: RegexTokenizer(inputCol="text", outputCol="out"), text, ("text",)),
    "RegexTokenizer words": Case(
        lambda: RegexTokenizer(inputCol="text", outputCol="out", pattern="\\W+", minTokenLength=2),
        text,
        ("text",),
    ),
    "RegexTokenizer find": Case(
        lambda: RegexTokenizer(
            inputCol="text", outputCol="out", pattern="\\w+", gaps=False, toLowercase=False
        ),
        text,
        ("text",),
    ),
    "RegexTokenizer alternatives": Case(
        lambda: RegexTokenizer(
            inputCol="text", outputCol="out", pattern="\\p{Punct}|the|\\s", minTokenLength=0
        ),
        text,
        ("text",),
    ),
    "StopWordsRemover": Case(lambda: StopWordsRemover(inputCol="words", outputCol="out"), words, ("words",)),
    "StopWordsRemover case": Case(
        lambda: StopWordsRemover(
            inputCols=["words", "more"], outputCols=["o1", "o2"], caseSensitive=True, stopWords=["a", "The"]
        ),
        frame_of(words=WORDS, more=WORDS[::-1]),
        ("words", "more"),
    ),
    "NGram": Case(lambda: NGram(inputCol="words", outputCol="out"), words, ("words",)),
    "NGram 3": Case(lambda: NGram(n=3, inputCol="words", outputCol="out"), words, ("words",)),
    "HashingTF": Case(
        lambda: HashingTF(inputCol="words", outputCol="out", numFeatures=1000), words, ("words",)
    ),
    "HashingTF binary": Case(
        lambda: HashingTF(inputCol="n", outputCol="out", numFeatures=64, binary=True),
        frame_of(n=[[1.0, 2.5, -0.0, 1.0], [], [1e300]]),
        ("n",),
    ),
    "CountVectorizer": Case(
        lambda: CountVectorizer(inputCol="words", outputCol="out", minDF=2.0),
        words,
        ("words",),
        fits_nothing=True,
    ),
    "CountVectorizer shares": Case(
        lambda: CountVectorizer(
            inputCol="words", outputCol="out", minTF=0.3, maxDF=0.4, minDF=0.3, binary=True
        ),
        words,
        ("words",),
        fits_nothing=True,
    ),
    "IDF": Case(lambda: IDF(inputCol="v", outputCol="out"), mixed, ("v",), digits=1e-15),
    "IDF minimum": Case(
        lambda: IDF(inputCol="v", outputCol="out", minDocFreq=2), dense, ("v",), digits=1e-15
    ),
    "Normalizer": Case(lambda: Normalizer(inputCol="v", outputCol="out"), mixed, ("v",)),
    "Normalizer 3": Case(
        lambda: Normalizer(inputCol="v", outputCol="out", p=3.0), dense, ("v",), digits=1e-14
    ),
    "Normalizer inf": Case(lambda: Normalizer(inputCol="v", outputCol="out", p=float("inf")), mixed, ("v",)),
    "VectorAssembler": Case(
        lambda: VectorAssembler(inputCols=["a", "b", "c", "v"], outputCol="out"),
        numbers,
        ("a", "b", "c", "v"),
    ),
    "VectorAssembler skip": Case(
        lambda: VectorAssembler(inputCols=["a", "v"], outputCol="out", handleInvalid="skip"),
        numbers.set_column(1, "a", pa.array([1.0, float("nan"), None, 2.0])),
        ("a", "v"),
        nulls="allowed",
    ),
    "StandardScaler": Case(
        lambda: StandardScaler(inputCol="v", outputCol="out"), mixed, ("v",), digits=1e-13
    ),
    "StandardScaler mean": Case(
        lambda: StandardScaler(inputCol="v", outputCol="out", withMean=True), dense, ("v",), digits=1e-12
    ),
    "StandardScaler mean only": Case(
        lambda: StandardScaler(inputCol="v", outputCol="out", withMean=True, withStd=False),
        mixed,
        ("v",),
        digits=1e-13,
    ),
    "StringIndexer": Case(
        lambda: StringIndexer(inputCol="c", outputCol="out"),
        frame_of(c=LABELS),
        ("c",),
        nulls="allowed",
        fits_nothing=True,
        tags=frozenset({"optional input"}),
    ),
    "StringIndexer keep": Case(
        lambda: StringIndexer(
            inputCols=["c", "n"],
            outputCols=["o1", "o2"],
            handleInvalid="keep",
            stringOrderType="alphabetDesc",
        ),
        frame_of(c=[*LABELS[:-1], None], n=[1.0, 1e7, 1.0, 0.1, 1e-5, 123456.789, 3.0, 0.1]),
        ("c", "n"),
        nulls="allowed",
        fits_nothing=True,
        tags=frozenset({"optional input"}),
    ),
    "IndexToString": Case(
        lambda: IndexToString(inputCol="i", outputCol="out", labels=["x", "y"]),
        frame_of(i=[1.0, 0.0, 1.0]),
        ("i",),
    ),
    "Binarizer": Case(
        lambda: Binarizer(inputCol="x", outputCol="out", threshold=0.5),
        frame_of(x=[0.5, 0.75, -1.0, None, float("inf")]),
        ("x",),
        nulls="allowed",
    ),
    "Binarizer vectors": Case(lambda: Binarizer(inputCol="v", outputCol="out", threshold=1.0), mixed, ("v",)),
    "Binarizer below zero": Case(
        lambda: Binarizer(inputCol="v", outputCol="out", threshold=-1.0),
        frame_of(
            v=vectors_of(
                SparseVector(4, {1: -2.0, 2: 3.0}),
                DenseVector([-3.0, -4.0, -5.0, -1.0]),
                SparseVector(4, {}),
                SparseVector(4, {0: -9.0, 1: -9.0, 2: -9.0}),
            )
        ),
        ("v",),
    ),
    "Binarizer columns": Case(
        lambda: Binarizer(inputCols=["x", "v"], outputCols=["o1", "o2"], thresholds=[-0.5, 2.0]),
        frame_of(x=[0.5, -0.5, -1.0, 0.0, 3.0, -2.0], v=MIXED),
        ("x", "v"),
        nulls="allowed",
    ),
    "Bucketizer": Case(
        lambda: Bucketizer(inputCol="x", outputCol="out", splits=[-1.0, 0.0, 0.5, 1.0]),
        frame_of(x=[-1.0, -0.0, 0.0, 0.25, 0.5, 1.0, None]),
        ("x",),
        nulls="allowed",
    ),
    "Bucketizer keep": Case(
        lambda: Bucketizer(
            inputCol="x", outputCol="out", splits=[-INF, 0.001, 1e7, INF], handleInvalid="keep"
        ),
        frame_of(x=[-INF, NAN, 0.001, 1e8, INF, None, 1e7]),
        ("x",),
        nulls="allowed",
        digits=1e-15,
        tags=frozenset({"not in pandas"}),
    ),
    "Bucketizer columns": Case(
        lambda: Bucketizer(
            inputCols=["x", "n"],
            outputCols=["o1", "o2"],
            splitsArray=[[-INF, 0.0, INF], [0.0, 2.0, 3.0, 9.0]],
            handleInvalid="skip",
        ),
        frame_of(x=pa.array([1.5, NAN, -2.5, 3.0, None], pa.float32()), n=[1, 2, 3, 9, 3]),
        ("x", "n"),
        nulls="allowed",
    ),
    "QuantileDiscretizer": Case(
        lambda: QuantileDiscretizer(inputCol="x", outputCol="out", numBuckets=4),
        frame_of(x=[3.5, -1.0, 0.0, 7.0, 2.0, 2.5, -4.0, 9.0, 1.0, 0.5, 11.0, 6.0]),
        ("x",),
        nulls="allowed",
    ),
    "QuantileDiscretizer columns": Case(
        lambda: QuantileDiscretizer(
            inputCols=["x", "n"],
            outputCols=["o1", "o2"],
            numBucketsArray=[5, 3],
            handleInvalid="skip",
            relativeError=0.0001,
        ),
        frame_of(
            x=[float(i * 7 % 17) if i != 4 else NAN for i in range(20)], n=[i // 5 * 2 for i in range(20)]
        ),
        ("x", "n"),
        nulls="allowed",
    ),
    "QuantileDiscretizer keep": Case(
        lambda: QuantileDiscretizer(
            inputCols=["x", "n"], outputCols=["o1", "o2"], numBuckets=3, handleInvalid="keep"
        ),
        frame_of(x=[float(i) if i % 5 else NAN for i in range(11)], n=[7] * 11),
        ("x", "n"),
        nulls="allowed",
        digits=1e-15,
        tags=frozenset({"not in pandas"}),
    ),
    "ElementwiseProduct": Case(
        lambda: ElementwiseProduct(
            inputCol="v", outputCol="out", scalingVec=DenseVector([2.0, 0.0, -1.0, 0.5])
        ),
        mixed,
        ("v",),
    ),
    "ElementwiseProduct sparse": Case(
        lambda: ElementwiseProduct(inputCol="v", outputCol="out", scalingVec=SparseVector(4, {1: 3.0})),
        dense,
        ("v",),
    ),
    "PolynomialExpansion": Case(lambda: PolynomialExpansion(inputCol="v", outputCol="out"), mixed, ("v",)),
    "PolynomialExpansion dense": Case(
        lambda: PolynomialExpansion(inputCol="v", outputCol="out", degree=3), dense, ("v",)
    ),
    "PolynomialExpansion sparse": Case(
        lambda: PolynomialExpansion(inputCol="v", outputCol="out", degree=4),
        frame_of(
            v=vectors_of(
                SparseVector(9, {0: 0.1, 4: -3.0, 8: 7.0}),
                SparseVector(9, {}),
                SparseVector(9, {5: 1e-200, 7: 2.0}),
                SparseVector(9, {0: 0.0, 3: 1.5, 4: 2.5}),
            )
        ),
        ("v",),
    ),
    "PolynomialExpansion 1": Case(
        lambda: PolynomialExpansion(inputCol="v", outputCol="out", degree=1),
        frame_of(
            v=vectors_of(*[DenseVector(row) for row in ([INF, 0.0, -0.0], [1.0, 2.0, 3.0], [-INF, 0.5, 0.0])])
        ),
        ("v",),
    ),
    "DCT": Case(lambda: DCT(inputCol="v", outputCol="out"), mixed, ("v",), digits=1e-14),
    "DCT inverse": Case(
        lambda: DCT(inputCol="v", outputCol="out", inverse=True),
        frame_of(v=vectors_of(*[DenseVector(np.cos(np.arange(7) * i)) for i in range(1, 5)])),
        ("v",),
        digits=1e-13,
    ),
    "MaxAbsScaler": Case(lambda: MaxAbsScaler(inputCol="v", outputCol="out"), mixed, ("v",)),
    "MaxAbsScaler dense": Case(lambda: MaxAbsScaler(inputCol="v", outputCol="out"), dense, ("v",)),
    "MinMaxScaler": Case(lambda: MinMaxScaler(inputCol="v", outputCol="out"), mixed, ("v",)),
    "MinMaxScaler range": Case(
        lambda: MinMaxScaler(inputCol="v", outputCol="out", min=-2.0, max=0.5), dense, ("v",)
    ),
    "MinMaxScaler odd": Case(
        lambda: MinMaxScaler(inputCol="v", outputCol="out", min=1.0, max=2.0),
        frame_of(
            v=vectors_of(
                DenseVector([3.0, NAN, NAN, -INF, 1.0]),
                DenseVector([3.0, NAN, 2.0, 5.0, INF]),
                DenseVector([3.0, NAN, 8.0, 7.0, 2.0]),
            )
        ),
        ("v",),
        digits=1e-15,
    ),
    "RobustScaler": Case(lambda: RobustScaler(inputCol="v", outputCol="out"), mixed, ("v",)),
    "RobustScaler centre": Case(
        lambda: RobustScaler(inputCol="v", outputCol="out", withCentering=True, lower=0.1, upper=0.8),
        dense,
        ("v",),
        digits=1e-15,
    ),
    "RobustScaler centre only": Case(
        lambda: RobustScaler(inputCol="v", outputCol="out", withCentering=True, withScaling=False),
        mixed,
        ("v",),
    ),
    "Imputer": Case(
        lambda: Imputer(inputCol="x", outputCol="out"),
        frame_of(x=[1.0, None, 4.5, -2.0, 0.25]),
        ("x",),
        nulls="allowed",
        digits=1e-15,
    ),
    "Imputer median": Case(
        lambda: Imputer(inputCols=["x", "y", "n"], outputCols=["o1", "o2", "o3"], strategy="median"),
        frame_of(
            x=[1.0, NAN, 4.5, -2.0, None],
            y=pa.array([None, 2.5, 0.5, 7.0, 1.0], pa.float32()),
            n=pa.array([3, None, 8, 7, 7], pa.int32()),
        ),
        ("x", "y", "n"),
        nulls="allowed",
    ),
    "Imputer mode": Case(
        lambda: Imputer(
            inputCols=["x", "n"],
            outputCols=["o1", "o2"],
            strategy="mode",
            missingValue=3.0,
            relativeError=0.1,
        ),
        frame_of(
            x=[3.0, 3.0, 3.0, 2.5, 1.5, 1.5, 2.5, None], n=pa.array([3, None, 8, 7, 7, 3, 3, 8], pa.int64())
        ),
        ("x", "n"),
        nulls="allowed",
    ),
    "OneHotEncoder": Case(
        lambda: OneHotEncoder(inputCol="x", outputCol="out"),
        frame_of(x=[0.0, 2.0, 1.0, 2.0, 0.0]),
        ("x",),
        fits_nothing=True,
    ),
    "OneHotEncoder keep": Case(
        lambda: OneHotEncoder(
            inputCols=["x", "n"], outputCols=["o1", "o2"], handleInvalid="keep", dropLast=False
        ),
        frame_of(x=[0.0, 2.0, 1.0, 2.0, 0.0], n=[1, 1, 0, 4, 0]),
        ("x", "n"),
        fits_nothing=True,
    ),
    "OneHotEncoder keep drop": Case(
        lambda: OneHotEncoder(inputCols=["n"], outputCols=["out"], handleInvalid="keep"),
        frame_of(n=pa.array([1, 0, 2, 2], pa.int32())),
        ("n",),
        fits_nothing=True,
    ),
    "OneHotEncoder labels": Case(
        lambda: OneHotEncoder(inputCols=["c", "b"], outputCols=["o1", "o2"], dropLast=False),
        described(
            frame_of(c=[0.0, 1.0, None], b=[1.0, 0.0, 1.0]),
            nominal_field("c", pa.float64(), labels=["x", "y", "z"]),
            binary_field("b", pa.float64()),
        ),
        ("c", "b"),
        nulls="allowed",
        fits_nothing=True,
        tags=frozenset({"not in pandas"}),
    ),
    "FeatureHasher": Case(
        lambda: FeatureHasher(inputCols=["x", "b", "s", "n"], outputCol="out", numFeatures=100),
        tabular,
        ("x", "b", "s", "n"),
        nulls="allowed",
    ),
    "FeatureHasher categories": Case(
        lambda: FeatureHasher(
            inputCols=["x", "b", "s", "n", "f"], outputCol="out", categoricalCols=["x", "n", "f"]
        ),
        tabular,
        ("x", "b", "s", "n", "f"),
        nulls="allowed",
        tags=frozenset({"not in pandas"}),
    ),
    "FeatureHasher collisions": Case(
        lambda: FeatureHasher(inputCols=["x", "b", "s", "n", "f"], outputCol="out", numFeatures=2),
        tabular,
        ("x", "b", "s", "n", "f"),
        nulls="allowed",
    ),
    "Interaction": Case(
        lambda: Interaction(inputCols=["x", "n"], outputCol="out"),
        frame_of(x=[1.5, 0.0, -2.0], n=[2, 3, 5]),
        ("x", "n"),
    ),
    "Interaction vectors": Case(
        lambda: Interaction(inputCols=["v", "x", "w"], outputCol="out"),
        described(
            frame_of(
                v=MIXED,
                x=[1.5, 0.0, -2.0, 0.5, 1.0, 3.0],
                w=vectors_of(*[SparseVector(2, {i % 2: 1.0 + i}) for i in range(6)]),
            ),
            vector_field_of("v", names=["p", "q", "r", "s"]),
            vector_field_of("w", names=["0", "1"]),
        ),
        ("v", "x", "w"),
        tags=frozenset({"not in pandas"}),
    ),
    "Interaction categories": Case(
        lambda: Interaction(inputCols=["c", "v", "d"], outputCol="out"),
        described(
            frame_of(
                c=[0.0, 1.0, 2.0, 1.0],
                d=[0, 1, 1, 0],
                v=vectors_of(*[DenseVector(row) for row in ([1, 2], [0, 0.5], [1, 0], [0, 7])]),
            ),
            nominal_field("c", pa.float64(), labels=["x", "y", "z"]),
            nominal_field("d", pa.int64(), num_values=2),
            vector_field_of_entries(
                "v", [{"type": "nominal", "name": "k", "vals": ["no", "yes"]}, {"type": "numeric"}]
            ),
        ),
        ("c", "v", "d"),
        tags=frozenset({"not in pandas"}),
    ),
    "Interaction one": Case(
        lambda: Interaction(inputCols=["c"], outputCol="out"),
        described(frame_of(c=[0.0, 1.0, 2.0]), nominal_field("c", pa.float64(), labels=["x", "y", "z"])),
        ("c",),
        tags=frozenset({"not in pandas"}),
    ),
    "PCA": Case(lambda: PCA(k=2, inputCol="v", outputCol="out"), dense, ("v",), digits=1e-12),
    "PCA mixed": Case(lambda: PCA(k=4, inputCol="v", outputCol="out"), mixed, ("v",), digits=1e-12),
    "VectorSlicer": Case(lambda: VectorSlicer(inputCol="v", outputCol="out", indices=[3, 0]), mixed, ("v",)),
    "VectorSlicer names": Case(
        lambda: VectorSlicer(inputCol="v", outputCol="out", indices=[1], names=["s", "p"]),
        described(
            mixed,
            vector_field_of_entries(
                "v",
                [
                    {"type": "numeric", "name": "p"},
                    {"type": "binary", "name": "q"},
                    {"type": "numeric"},
                    {"type": "nominal", "name": "s", "vals": ["a", "b"]},
                ],
            ),
        ),
        ("v",),
        tags=frozenset({"not in pandas"}),
    ),
    "VectorSizeHint": Case(
        lambda: VectorSizeHint(inputCol="v", size=4), mixed, ("v",), tags=frozenset({"appends nothing"})
    ),
    "VectorSizeHint skip": Case(
        lambda: VectorSizeHint(inputCol="v", size=2, handleInvalid="skip"),
        frame_of(
            v=vectors_of(
                DenseVector([1.0, 2.0]),
                DenseVector([1.0]),
                None,
                SparseVector(2, {}),
                SparseVector(9, {1: 1.0}),
            )
        ),
        ("v",),
        nulls="allowed",
        tags=frozenset({"appends nothing"}),
    ),
    "VectorAssembler attributes": Case(
        lambda: VectorAssembler(inputCols=["c", "x", "b", "v"], outputCol="out"),
        described(
            frame_of(
                c=[0.0, 1.0, 2.0],
                x=[1, 0, 7],
                b=[1.0, 0.0, 0.0],
                v=vectors_of(*[SparseVector(2, {i % 2: 1.0}) for i in range(3)]),
            ),
            nominal_field("c", pa.float64(), labels=["x", "y", "z"]),
            binary_field("b", pa.float64()),
            vector_field_of_entries("v", [{"type": "binary", "name": "k"}, {"type": "numeric"}]),
        ),
        ("c", "x", "b", "v"),
        tags=frozenset({"not in pandas"}),
    ),
    "MinHashLSH": Case(
        lambda: MinHashLSH(inputCol="v", outputCol="out", seed=12345, numHashTables=3),
        frame_of(v=SETS),
        ("v",),
    ),
    "BucketedRandomProjectionLSH": Case(
        lambda: BucketedRandomProjectionLSH(
            inputCol="v", outputCol="out", seed=7, numHashTables=3, bucketLength=1.5
        ),
        dense,
        ("v",),
    ),
    "KMeans": Case(lambda: KMeans(featuresCol="v", k=3, seed=11), frame_of(v=BLOBS), ("v",), digits=1e-12),
    "KMeans cosine": Case(
        lambda: KMeans(featuresCol="v", predictionCol="p", k=2, seed=11, distanceMeasure="cosine"),
        frame_of(v=DIRECTIONS),
        ("v",),
        digits=1e-12,
    ),
    "KMeans random weighted": Case(
        lambda: KMeans(featuresCol="v", k=3, seed=4, initMode="random", weightCol="w", maxIter=50),
        frame_of(v=BLOBS, w=np.linspace(0.5, 2.0, len(BLOBS))),
        ("v", "w"),
        digits=1e-12,
    ),
    "NaiveBayes": Case(
        lambda: NaiveBayes(featuresCol="v", labelCol="y", weightCol="w"),
        frame_of(v=COUNTS, y=CLASSES, w=np.linspace(0.5, 2.0, len(COUNTS))),
        ("v", "y", "w"),
        digits=1e-12,
    ),
    "NaiveBayes complement": Case(
        lambda: NaiveBayes(
            featuresCol="v",
            labelCol="y",
            modelType="complement",
            smoothing=0.5,
            rawPredictionCol="raw",
            probabilityCol="shares",
        ),
        frame_of(v=COUNTS, y=[int(label) for label in CLASSES]),
        ("v", "y"),
        digits=1e-12,
    ),
    "NaiveBayes bernoulli": Case(
        lambda: NaiveBayes(
            featuresCol="v", labelCol="y", modelType="bernoulli", thresholds=[0.2, 0.0, 1.5], smoothing=2.0
        ),
        frame_of(v=BITS, y=CLASSES),
        ("v", "y"),
        digits=1e-12,
    ),
    "NaiveBayes gaussian": Case(
        lambda: NaiveBayes(featuresCol="v", labelCol="y", modelType="gaussian", weightCol="w"),
        frame_of(v=DENSE, y=[0.0, 1.0, 2.0] * 4, w=np.linspace(0.5, 2.0, len(DENSE))),
        ("v", "y", "w"),
        digits=1e-11,
    ),
    "NaiveBayes gaussian sparse": Case(
        lambda: NaiveBayes(
            featuresCol="v", labelCol="y", modelType="gaussian", predictionCol="p", rawPredictionCol=""
        ),
        frame_of(
            v=vectors_of(*[SparseVector(12, {i % 3: 1.0 + i, 5: 0.5 * i % 2}) for i in range(9)]),
            y=[0, 1, 1] * 3,
        ),
        ("v", "y"),
        digits=1e-6,
    ),
    "VectorIndexer": Case(
        lambda: VectorIndexer(inputCol="v", outputCol="out", maxCategories=4), mixed, ("v",)
    ),
    "VectorIndexer keep": Case(
        lambda: VectorIndexer(inputCol="v", outputCol="out", maxCategories=2, handleInvalid="keep"),
        frame_of(v=SETS),
        ("v",),
    ),
    "VarianceThresholdSelector": Case(
        lambda: VarianceThresholdSelector(featuresCol="v", outputCol="out", varianceThreshold=3.5),
        mixed,
        ("v",),
    ),
    "ChiSqSelector": Case(
        lambda: ChiSqSelector(featuresCol="v", outputCol="out", labelCol="y", numTopFeatures=2),
        mixed.append_column("y", pa.array([0, 1, 1, 2, 0, 2])),
        ("v", "y"),
    ),
    "ChiSqSelector false discoveries": Case(
        lambda: ChiSqSelector(featuresCol="v", outputCol="out", labelCol="y", selectorType="fdr", fdr=0.5),
        frame_of(v=BITS, y=CLASSES),
        ("v", "y"),
    ),
    "UnivariateFeatureSelector": Case(
        lambda: UnivariateFeatureSelector(
            featuresCol="v",
            outputCol="out",
            labelCol="y",
            featureType="continuous",
            labelType="categorical",
            selectionThreshold=2,
        ),
        dense.append_column("y", pa.array([0, 1, 2] * 4)),
        ("v", "y"),
    ),
    "UnivariateFeatureSelector regression": Case(
        lambda: UnivariateFeatureSelector(
            featuresCol="v",
            outputCol="out",
            labelCol="y",
            featureType="continuous",
            labelType="continuous",
            selectionMode="fpr",
            selectionThreshold=0.6,
        ),
        dense.append_column("y", pa.array(np.arange(12.0) ** 2)),
        ("v", "y"),
    ),
    "TargetEncoder": Case(
        lambda: TargetEncoder(inputCol="c", outputCol="out", labelCol="y"),
        frame_of(c=[0.0, 1.0, 0.0, None, 1.0, None, 5.0], y=[0.0, 1.0, 1.0, 1.0, None, 0.0, 1.0]),
        ("c", "y"),
        nulls="allowed",
        digits=1e-15,
    ),
    "TargetEncoder continuous": Case(
        lambda: TargetEncoder(
            inputCols=["c", "e"],
            outputCols=["o1", "o2"],
            labelCol="y",
            targetType="continuous",
            smoothing=2.0,
            handleInvalid="keep",
        ),
        frame_of(c=[0, 1, 0, 2, 1, 2], e=[3, 3, 3, 4, 4, 3], y=[0.5, 1.5, -1.0, 8.0, 2.0, 0.25]),
        ("c", "e", "y"),
        nulls="allowed",
        digits=1e-14,
    ),
    "SQLTransformer": Case(
        lambda: SQLTransformer(statement="SELECT *, a + b AS c, upper(t) AS u FROM __THIS__ WHERE a < 9"),
        frame_of(a=[1.5, 0.0, None, 10.0, -2.0], b=[1.0, 2.0, 3.0, 4.0, 5.0], t=["x", None, "é", "", "{y}"]),
        ("a", "b", "t"),
        nulls="allowed",
    ),
    "RFormula": Case(
        lambda: RFormula(formula="y ~ s + a + t:a", featuresCol="out", labelCol="label"),
        FORMULA,
        ("s", "a", "t"),
        nulls="allowed",
    ),
    "RFormula all": Case(
        lambda: RFormula(
            formula="s ~ t + b + v + a + 0",
            featuresCol="out",
            labelCol="label",
            stringIndexerOrderType="alphabetDesc",
        ),
        FORMULA,
        ("t", "b", "v", "a"),
        nulls="allowed",
    ),
    "RFormula powers": Case(
        lambda: RFormula(
            formula="y ~ (s + t + a)^2 - s:t", featuresCol="out", forceIndexLabel=True, labelCol="i"
        ),
        FORMULA,
        ("s", "a", "t"),
        nulls="allowed",
    ),
    "Word2Vec": Case(
        lambda: Word2Vec(inputCol="words", outputCol="out", vectorSize=5, minCount=2, seed=11, maxIter=3),
        SENTENCES,
        ("words",),
        digits=1e-4,
    ),
}
