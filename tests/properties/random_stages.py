"""Random stages with random rows for them, class by class: what the comparison with Spark draws from.

Rows are few, and made of the values that a stage has to think about. Where Spark's own result depends on
chance (ties, shuffled rows), what is drawn leaves it no choice, or the comparison is told what is free.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import assume
from hypothesis import strategies as st

import fireside.ml.feature as feature
from fireside.ml.attributes import nominal_field, vector_field_of
from fireside.ml.base import PipelineStage
from fireside.ml.classification import NaiveBayes
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from tests.contracts.estimator_cases import described

INF, NAN = float("inf"), float("nan")
Draw = Callable[[st.SearchStrategy[Any]], Any]

NUMBER = st.one_of(
    st.sampled_from([0.0, 0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 10.0]), st.floats(-1e3, 1e3, width=32)
)
ODD = st.sampled_from([NAN, INF, -INF, -0.0, 1e300, 5e-324])
ANY = st.one_of(NUMBER, NUMBER, ODD)
# Numbers that every version of Java writes with the same digits.
WRITTEN = st.one_of(ODD, st.integers(-9999, 9999).map(lambda n: n / 100))
COUNT = st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 0.5])
# Spark's variances are differences of large numbers: of these they are exact.
EXACT = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 3.0])
CATEGORY = st.sampled_from([0.0, 1.0, 2.0])
# Java and Python know other versions of Unicode; what is drawn is old enough to be the same in both.
LETTER = st.one_of(
    st.sampled_from(" \t\n.,;-_aAbBzZ019éÉßΣσİıİǅ ﬁ\u2003\u00a0😀"), st.characters(max_codepoint=0x4FF)
)
TEXT = st.text(LETTER, max_size=12)
WORD = st.sampled_from(["a", "b", "c", "The", "the", "A", "é", "É", "", "fire", "x y"])
WORDS = st.lists(WORD, max_size=6)
BOOL = st.booleans()
MODE = st.sampled_from(["error", "skip", "keep"])


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A stage and rows for it.

    Attributes:
        stage: an estimator or a transformer.
        rows: what is transformed, and an estimator fitted to.
        fitted_to: what an estimator is fitted to instead.
    """

    stage: PipelineStage
    rows: pa.Table
    fitted_to: pa.Table | None = None

    @property
    def train(self) -> pa.Table:
        return self.rows if self.fitted_to is None else self.fitted_to


def table(**columns: Iterable[Any]) -> pa.Table:
    """Columns with an `id`; vectors in the hand become Arrow columns."""
    made: dict[str, Any] = {}
    for name, values in columns.items():
        values = values if isinstance(values, pa.Array) else list(values)
        first = next((v for v in values if v is not None), None)
        made[name] = (
            VectorBlock.arrow_from_vectors(values)
            if isinstance(first, DenseVector | SparseVector)
            else values
        )
    rows = len(next(iter(made.values())))
    return pa.table({"id": pa.array(range(rows), pa.int64()), **made})


def floats(values: Iterable[float | None]) -> pa.Array:
    return pa.array(list(values), pa.float64())


def strings(values: Iterable[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string())


def word_lists(values: Iterable[Any]) -> pa.Array:
    return pa.array(list(values), pa.list_(pa.string()))


def many(draw: Draw, values: st.SearchStrategy[Any], rows: int) -> list[Any]:
    return draw(st.lists(values, min_size=rows, max_size=rows))


def num_rows(draw: Draw, least: int = 1) -> int:
    return draw(st.integers(least, 9))


def with_nulls(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, values, st.none())


def vectors(
    draw: Draw, size: int, rows: int, number: st.SearchStrategy[float] = NUMBER, *, dense: bool = False
) -> list[DenseVector | SparseVector]:
    """Dense and sparse vectors of one size, with stored zeros among them."""
    full = st.lists(number, min_size=size, max_size=size).map(DenseVector)
    some = st.dictionaries(st.integers(0, size - 1), number).map(lambda entries: SparseVector(size, entries))
    return many(draw, full if dense else st.one_of(full, some), rows)


def some_of(draw: Draw, items: list[Any]) -> list[Any]:
    return draw(st.lists(st.sampled_from(items), unique=True, min_size=1, max_size=len(items)))


def splits(draw: Draw) -> list[float]:
    inner = sorted(draw(st.sets(st.sampled_from([-10.0, -1.0, 0.0, 0.5, 1.0, 2.5, 10.0]), min_size=1)))
    low, high = draw(st.sampled_from([(-INF, INF), (-50.0, 50.0), (-INF, 50.0)]))
    return [low, *inner, high]


def binarizer(draw: Draw) -> Problem:
    rows = num_rows(draw)
    column = draw(st.sampled_from(["x", "v"]))
    return Problem(
        stage=feature.Binarizer(inputCol=column, outputCol="out", threshold=draw(NUMBER)),
        rows=table(x=floats(many(draw, with_nulls(ANY), rows)), v=vectors(draw, 3, rows)),
    )


def bucketizer(draw: Draw) -> Problem:
    rows = num_rows(draw)
    x, y = (floats(many(draw, with_nulls(ANY), rows)) for _ in "xy")
    mode = draw(MODE)
    if draw(BOOL):
        stage = feature.Bucketizer(inputCol="x", outputCol="out", splits=splits(draw), handleInvalid=mode)
    else:
        stage = feature.Bucketizer(
            inputCols=["x", "y"],
            outputCols=["o1", "o2"],
            splitsArray=[splits(draw), splits(draw)],
            handleInvalid=mode,
        )
    return Problem(stage=stage, rows=table(x=x, y=y))


def bucketed_random_projection_lsh(draw: Draw) -> Problem:
    stage = feature.BucketedRandomProjectionLSH(
        inputCol="v",
        outputCol="out",
        bucketLength=draw(st.sampled_from([0.5, 1.0, 7.0])),
        numHashTables=draw(st.integers(1, 4)),
        seed=draw(st.integers(-99, 99)),
    )
    size = draw(st.integers(1, 5))
    return Problem(stage=stage, rows=table(v=vectors(draw, size, num_rows(draw))))


def chi_sq_selector(draw: Draw) -> Problem:
    rows, size = num_rows(draw, 4), draw(st.integers(1, 5))
    kind = draw(st.sampled_from(["numTopFeatures", "percentile", "fpr", "fdr", "fwe"]))
    share = st.sampled_from([0.2, 0.5, 0.8])
    value = draw(st.integers(1, 4)) if kind == "numTopFeatures" else draw(share)
    stage = feature.ChiSqSelector(
        featuresCol="v", labelCol="y", outputCol="out", selectorType=kind, **{kind: value}
    )
    return Problem(
        stage=stage,
        rows=table(v=vectors(draw, size, rows, CATEGORY), y=floats(many(draw, CATEGORY, rows))),
    )


def count_vectorizer(draw: Draw) -> Problem:
    rows = num_rows(draw)
    stage = feature.CountVectorizer(
        inputCol="w",
        outputCol="out",
        minTF=draw(st.sampled_from([1.0, 2.0, 0.3])),
        minDF=draw(st.sampled_from([1.0, 2.0, 0.4])),
        maxDF=draw(st.sampled_from([1.0, 100.0, 4.0])),
        binary=draw(BOOL),
    )
    return Problem(
        stage=stage,
        rows=table(w=word_lists(many(draw, WORDS, rows))),
        fitted_to=table(w=word_lists(many(draw, WORDS, rows))),
    )


def dct(draw: Draw) -> Problem:
    size = draw(st.integers(1, 9))
    return Problem(
        stage=feature.DCT(inputCol="v", outputCol="out", inverse=draw(BOOL)),
        rows=table(v=vectors(draw, size, num_rows(draw))),
    )


def elementwise_product(draw: Draw) -> Problem:
    size = draw(st.integers(1, 5))
    (scaling,) = vectors(draw, size, 1)
    return Problem(
        stage=feature.ElementwiseProduct(inputCol="v", outputCol="out", scalingVec=scaling),
        rows=table(v=vectors(draw, size, num_rows(draw))),
    )


def feature_hasher(draw: Draw) -> Problem:
    rows = num_rows(draw)
    columns = ["x", "b", "s", "n"]
    stage = feature.FeatureHasher(
        inputCols=some_of(draw, columns), outputCol="out", numFeatures=draw(st.integers(1, 40))
    )
    if draw(BOOL):
        stage.setCategoricalCols(some_of(draw, [c for c in stage.getInputCols() if c in "xns"] or ["s"]))
    return Problem(
        stage=stage,
        rows=table(
            x=floats(many(draw, with_nulls(WRITTEN), rows)),
            b=pa.array(many(draw, with_nulls(BOOL), rows), pa.bool_()),
            s=strings(many(draw, with_nulls(TEXT), rows)),
            n=pa.array(many(draw, with_nulls(st.integers(-99, 99)), rows), pa.int64()),
        ),
    )


def hashing_tf(draw: Draw) -> Problem:
    words = st.lists(st.one_of(WORD, TEXT), max_size=6)
    return Problem(
        stage=feature.HashingTF(
            inputCol="w", outputCol="out", numFeatures=draw(st.integers(1, 99)), binary=draw(BOOL)
        ),
        rows=table(w=word_lists(many(draw, words, num_rows(draw)))),
    )


def idf(draw: Draw) -> Problem:
    size, rows = draw(st.integers(1, 5)), num_rows(draw)
    return Problem(
        stage=feature.IDF(inputCol="v", outputCol="out", minDocFreq=draw(st.integers(0, 3))),
        rows=table(v=vectors(draw, size, rows, COUNT)),
        fitted_to=table(v=vectors(draw, size, rows, COUNT)),
    )


def imputer(draw: Draw) -> Problem:
    rows = num_rows(draw, 2)
    number = with_nulls(st.sampled_from([1.0, 2.0, 3.0, -4.5, NAN, 0.0]))
    missing = draw(st.sampled_from([NAN, 1.0, -4.5]))
    # A column without any value is an error, so there is one.
    x, y = ([7.5, *many(draw, number, rows - 1)] for _ in "xy")
    stage = feature.Imputer(
        inputCols=["x", "y"],
        outputCols=["o1", "o2"],
        strategy=draw(st.sampled_from(["mean", "median", "mode"])),
        missingValue=missing,
    )
    return Problem(stage=stage, rows=table(x=floats(x), y=pa.array(y, pa.float32())))


def index_to_string(draw: Draw) -> Problem:
    labels = draw(st.lists(TEXT, min_size=1, max_size=4))
    index = st.integers(-1, len(labels)).map(float)
    return Problem(
        stage=feature.IndexToString(inputCol="i", outputCol="out", labels=labels),
        rows=table(i=floats(many(draw, index, num_rows(draw)))),
    )


def interaction(draw: Draw) -> Problem:
    rows, size = num_rows(draw), draw(st.integers(1, 3))
    data = table(
        x=floats(many(draw, NUMBER, rows)),
        n=pa.array(many(draw, st.integers(-9, 9), rows), pa.int64()),
        v=vectors(draw, size, rows),
        c=floats(many(draw, CATEGORY, rows)),
    )
    fields = [vector_field_of("v", names=list("pqr"[:size])), nominal_field("c", pa.float64(), num_values=3)]
    return Problem(
        stage=feature.Interaction(inputCols=some_of(draw, ["x", "n", "v", "c"]), outputCol="out"),
        rows=described(data, *fields),
    )


def scaler(kind: type[PipelineStage], **params: st.SearchStrategy[Any]) -> Callable[[Draw], Problem]:
    """Of an estimator that looks at the entries of vectors."""

    def problem(draw: Draw) -> Problem:
        size, rows = draw(st.integers(1, 4)), num_rows(draw, 2)
        values = {name: draw(strategy) for name, strategy in params.items()}
        return Problem(
            stage=kind(inputCol="v", outputCol="out", **values),
            rows=table(v=vectors(draw, size, num_rows(draw))),
            fitted_to=table(v=vectors(draw, size, rows)),
        )

    return problem


def min_hash_lsh(draw: Draw) -> Problem:
    entries = st.dictionaries(st.integers(0, 8), st.sampled_from([1.0, 2.0]), min_size=1)
    return Problem(
        stage=feature.MinHashLSH(
            inputCol="v",
            outputCol="out",
            numHashTables=draw(st.integers(1, 4)),
            seed=draw(st.integers(-99, 99)),
        ),
        rows=table(v=many(draw, entries.map(lambda given: SparseVector(9, given)), num_rows(draw))),
    )


def naive_bayes(draw: Draw) -> Problem:
    kind = draw(st.sampled_from(["multinomial", "complement", "bernoulli", "gaussian"]))
    number = {"bernoulli": st.sampled_from([0.0, 1.0]), "gaussian": EXACT}.get(kind, COUNT)
    rows, size = num_rows(draw, 3), draw(st.integers(2, 4))
    labels = [0.0, 1.0, *many(draw, CATEGORY, rows - 2)]
    stage = NaiveBayes(
        featuresCol="v",
        labelCol="y",
        modelType=kind,
        smoothing=draw(st.sampled_from([0.5, 1.0, 3.0])),
        weightCol=draw(st.sampled_from(["w", None])),
    )
    weights = floats(many(draw, st.sampled_from([0.5, 1.0, 2.0]), rows))
    features = vectors(draw, size, rows, number)
    # Of rows that are all alike Spark fits variances of zero, and predicts NaN; here they are an error.
    assume(kind != "gaussian" or np.ptp([row.toArray() for row in features], axis=0).any())
    return Problem(stage=stage, rows=table(v=features, y=floats(labels), w=weights))


def n_gram(draw: Draw) -> Problem:
    return Problem(
        stage=feature.NGram(n=draw(st.integers(1, 4)), inputCol="w", outputCol="out"),
        rows=table(w=word_lists(many(draw, WORDS, num_rows(draw)))),
    )


def normalizer(draw: Draw) -> Problem:
    norm = draw(st.sampled_from([1.0, 1.5, 2.0, 3.0, INF]))
    return Problem(
        stage=feature.Normalizer(inputCol="v", outputCol="out", p=norm),
        rows=table(v=vectors(draw, draw(st.integers(1, 5)), num_rows(draw))),
    )


def one_hot_encoder(draw: Draw) -> Problem:
    rows = num_rows(draw)
    few, more = st.integers(0, 3).map(float), st.integers(-1, 5).map(float)
    stage = feature.OneHotEncoder(
        inputCols=["x", "y"],
        outputCols=["o1", "o2"],
        dropLast=draw(BOOL),
        handleInvalid=draw(st.sampled_from(["error", "keep"])),
    )
    return Problem(
        stage=stage,
        rows=table(x=floats(many(draw, more, rows)), y=floats(many(draw, few, rows))),
        fitted_to=table(x=floats(many(draw, few, rows)), y=floats(many(draw, few, rows))),
    )


def pca(draw: Draw) -> Problem:
    size = draw(st.integers(2, 5))
    # Of numbers without structure no two components explain the same, so all are determined but for the sign.
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    data = random.normal(draw(st.sampled_from([0.0, 5.0])), 1, (12, size)) * np.arange(1, size + 1)
    return Problem(
        stage=feature.PCA(k=draw(st.integers(1, size)), inputCol="v", outputCol="out"),
        rows=table(v=[DenseVector(row) for row in data]),
    )


def polynomial_expansion(draw: Draw) -> Problem:
    return Problem(
        stage=feature.PolynomialExpansion(inputCol="v", outputCol="out", degree=draw(st.integers(1, 4))),
        rows=table(v=vectors(draw, draw(st.integers(1, 4)), num_rows(draw))),
    )


def quantile_discretizer(draw: Draw) -> Problem:
    rows = num_rows(draw, 2)
    number = with_nulls(st.one_of(NUMBER, st.sampled_from([NAN, 0.0, 1.0])))
    x, y = (floats([0.5, *many(draw, number, rows - 1)]) for _ in "xy")
    buckets, mode = draw(st.integers(2, 6)), draw(MODE)
    if draw(BOOL):
        stage = feature.QuantileDiscretizer(
            inputCol="x", outputCol="out", numBuckets=buckets, handleInvalid=mode
        )
    else:
        stage = feature.QuantileDiscretizer(
            inputCols=["x", "y"],
            outputCols=["o1", "o2"],
            numBucketsArray=[buckets, draw(st.integers(2, 6))],
            handleInvalid=mode,
        )
    return Problem(stage=stage, rows=table(x=x, y=y))


def regex_tokenizer(draw: Draw) -> Problem:
    stage = feature.RegexTokenizer(
        inputCol="t",
        outputCol="out",
        pattern=draw(st.sampled_from(["\\s+", "\\W", "\\w+", "[a-z]", "\\p{L}+", ",|;", "a*", "(?i)A|b"])),
        gaps=draw(BOOL),
        toLowercase=draw(BOOL),
        minTokenLength=draw(st.integers(0, 3)),
    )
    return Problem(stage=stage, rows=table(t=strings(many(draw, TEXT, num_rows(draw)))))


FORMULAS = [
    "y ~ a",
    "y ~ .",
    "y ~ a + s",
    "y ~ a:s + b",
    "s ~ a + b - 1",
    "y ~ (a + b)^2",
    "y ~ s*a - a",
    "~ s + a",
]


def r_formula(draw: Draw) -> Problem:
    rows = num_rows(draw, 2)
    category = st.sampled_from(["u", "v", "w"])
    stage = feature.RFormula(
        formula=draw(st.sampled_from(FORMULAS)),
        featuresCol="out",
        labelCol="label",
        forceIndexLabel=draw(BOOL),
        stringIndexerOrderType=draw(
            st.sampled_from(["frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"])
        ),
        handleInvalid=draw(MODE),
    )

    def data() -> pa.Table:
        return table(
            y=floats(many(draw, CATEGORY, rows)),
            s=strings(["u", "v", *many(draw, category, rows - 2)]),
            a=floats(many(draw, NUMBER, rows)),
            b=pa.array(many(draw, BOOL, rows), pa.bool_()),
        )

    return Problem(stage=stage, rows=data(), fitted_to=data())


STATEMENTS = [
    "SELECT *, a + b AS c FROM __THIS__",
    "SELECT id, a * 2 AS d, upper(t) AS u FROM __THIS__ WHERE a > 0",
    "SELECT id, coalesce(a, b) AS c, t IS NULL AS n FROM __THIS__",
    "SELECT id, CASE WHEN a > b THEN 'more' ELSE 'less' END AS w, abs(b) AS m FROM __THIS__",
]


def sql_transformer(draw: Draw) -> Problem:
    rows = num_rows(draw)
    return Problem(
        stage=feature.SQLTransformer(statement=draw(st.sampled_from(STATEMENTS))),
        rows=table(
            a=floats(many(draw, with_nulls(NUMBER), rows)),
            b=floats(many(draw, with_nulls(ANY), rows)),
            t=strings(many(draw, with_nulls(st.sampled_from(["x", "Yy", "", "é"])), rows)),
        ),
    )


def stop_words_remover(draw: Draw) -> Problem:
    stage = feature.StopWordsRemover(inputCol="w", outputCol="out", caseSensitive=draw(BOOL))
    if draw(BOOL):
        stage.setStopWords(draw(st.lists(WORD, max_size=4)))
    return Problem(
        stage=stage,
        rows=table(w=word_lists(many(draw, st.lists(st.one_of(WORD, TEXT), max_size=5), num_rows(draw)))),
    )


def string_indexer(draw: Draw) -> Problem:
    rows = num_rows(draw)
    word = with_nulls(st.sampled_from(["a", "b", "B", "é", "z", ""]))
    number = with_nulls(st.sampled_from([1.0, 2.5, 1e7, 0.001, -0.0, 123456.789]))
    stage = feature.StringIndexer(
        inputCols=["s", "x"],
        outputCols=["o1", "o2"],
        handleInvalid=draw(MODE),
        stringOrderType=draw(
            st.sampled_from(["frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"])
        ),
    )

    def data() -> pa.Table:
        return table(s=strings(many(draw, word, rows)), x=floats(many(draw, number, rows)))

    return Problem(stage=stage, rows=data(), fitted_to=data())


def target_encoder(draw: Draw) -> Problem:
    rows = num_rows(draw, 2)
    few, more = (with_nulls(st.integers(0, most).map(float)) for most in (2, 4))
    binary = draw(BOOL)
    label = st.sampled_from([0.0, 1.0]) if binary else NUMBER
    stage = feature.TargetEncoder(
        inputCols=["x", "y"],
        outputCols=["o1", "o2"],
        labelCol="t",
        targetType="binary" if binary else "continuous",
        smoothing=draw(st.sampled_from([0.0, 0.5, 4.0])),
        handleInvalid=draw(st.sampled_from(["error", "keep"])),
    )

    def data(category: st.SearchStrategy[Any]) -> pa.Table:
        return table(
            x=floats(many(draw, category, rows)),
            y=floats(many(draw, few, rows)),
            t=floats(many(draw, with_nulls(label), rows)),
        )

    return Problem(stage=stage, rows=data(more), fitted_to=data(few))


def tokenizer(draw: Draw) -> Problem:
    return Problem(
        stage=feature.Tokenizer(inputCol="t", outputCol="out"),
        rows=table(t=strings(many(draw, TEXT, num_rows(draw)))),
    )


def univariate_feature_selector(draw: Draw) -> Problem:
    rows, size = draw(st.integers(6, 12)), draw(st.integers(1, 4))
    kinds = st.sampled_from(["categorical", "continuous"])
    label_kind, feature_kind = draw(kinds), draw(kinds)
    mode = draw(st.sampled_from(["numTopFeatures", "percentile", "fpr", "fdr", "fwe"]))
    value = draw(st.integers(1, 4)) if mode == "numTopFeatures" else draw(st.sampled_from([0.2, 0.5, 0.8]))
    if (feature_kind, label_kind) == ("categorical", "continuous"):
        label_kind = "categorical"
    stage = feature.UnivariateFeatureSelector(
        featuresCol="v",
        labelCol="y",
        outputCol="out",
        featureType=feature_kind,
        labelType=label_kind,
        selectionMode=mode,
        selectionThreshold=value,
    )
    number = CATEGORY if feature_kind == "categorical" else st.integers(-500, 500).map(lambda n: n / 7)
    label = [0.0, 1.0, 0.0, *many(draw, CATEGORY if label_kind == "categorical" else NUMBER, rows - 3)]
    return Problem(stage=stage, rows=table(v=vectors(draw, size, rows, number, dense=True), y=floats(label)))


def variance_threshold_selector(draw: Draw) -> Problem:
    return Problem(
        stage=feature.VarianceThresholdSelector(
            featuresCol="v", outputCol="out", varianceThreshold=draw(st.sampled_from([0.0, 0.3, 5.0]))
        ),
        rows=table(v=vectors(draw, draw(st.integers(1, 5)), num_rows(draw, 2))),
    )


def vector_assembler(draw: Draw) -> Problem:
    rows = num_rows(draw)
    return Problem(
        stage=feature.VectorAssembler(
            inputCols=some_of(draw, ["x", "n", "b", "v"]), outputCol="out", handleInvalid=draw(MODE)
        ),
        rows=table(
            x=floats(many(draw, with_nulls(ANY), rows)),
            n=pa.array(many(draw, st.integers(-9, 9), rows), pa.int64()),
            b=pa.array(many(draw, BOOL, rows), pa.bool_()),
            v=vectors(draw, draw(st.integers(1, 3)), rows, ANY),
        ),
    )


def vector_indexer(draw: Draw) -> Problem:
    size, rows = draw(st.integers(1, 3)), num_rows(draw)
    few = st.sampled_from([0.0, 1.0, -1.0, 2.5])
    return Problem(
        stage=feature.VectorIndexer(
            inputCol="v", outputCol="out", maxCategories=draw(st.integers(2, 5)), handleInvalid=draw(MODE)
        ),
        rows=table(v=vectors(draw, size, rows, few)),
        fitted_to=table(v=vectors(draw, size, rows, few)),
    )


def vector_size_hint(draw: Draw) -> Problem:
    rows = num_rows(draw)
    sizes = many(draw, st.sampled_from([2, 2, 3]), rows)
    column = [vectors(draw, size, 1)[0] if draw(st.integers(0, 5)) else None for size in sizes]
    column[0] = DenseVector([1.0, 2.0])
    return Problem(
        stage=feature.VectorSizeHint(
            inputCol="v", size=2, handleInvalid=draw(st.sampled_from(["error", "skip", "optimistic"]))
        ),
        rows=table(v=column),
    )


def vector_slicer(draw: Draw) -> Problem:
    size = draw(st.integers(1, 5))
    return Problem(
        stage=feature.VectorSlicer(inputCol="v", outputCol="out", indices=some_of(draw, list(range(size)))),
        rows=table(v=vectors(draw, size, num_rows(draw))),
    )


PROBLEMS: dict[str, Callable[[Draw], Problem]] = {
    "Binarizer": binarizer,
    "BucketedRandomProjectionLSH": bucketed_random_projection_lsh,
    "Bucketizer": bucketizer,
    "ChiSqSelector": chi_sq_selector,
    "CountVectorizer": count_vectorizer,
    "DCT": dct,
    "ElementwiseProduct": elementwise_product,
    "FeatureHasher": feature_hasher,
    "HashingTF": hashing_tf,
    "IDF": idf,
    "Imputer": imputer,
    "IndexToString": index_to_string,
    "Interaction": interaction,
    "MaxAbsScaler": scaler(feature.MaxAbsScaler),
    "MinHashLSH": min_hash_lsh,
    "MinMaxScaler": scaler(
        feature.MinMaxScaler, min=st.sampled_from([-1.0, 0.0]), max=st.sampled_from([0.5, 2.0])
    ),
    "NGram": n_gram,
    "NaiveBayes": naive_bayes,
    "Normalizer": normalizer,
    "OneHotEncoder": one_hot_encoder,
    "PCA": pca,
    "PolynomialExpansion": polynomial_expansion,
    "QuantileDiscretizer": quantile_discretizer,
    "RFormula": r_formula,
    "RegexTokenizer": regex_tokenizer,
    "RobustScaler": scaler(
        feature.RobustScaler,
        withCentering=BOOL,
        withScaling=BOOL,
        lower=st.sampled_from([0.1, 0.25]),
        upper=st.sampled_from([0.6, 0.9]),
    ),
    "SQLTransformer": sql_transformer,
    "StandardScaler": scaler(feature.StandardScaler, withMean=BOOL, withStd=BOOL),
    "StopWordsRemover": stop_words_remover,
    "StringIndexer": string_indexer,
    "TargetEncoder": target_encoder,
    "Tokenizer": tokenizer,
    "UnivariateFeatureSelector": univariate_feature_selector,
    "VarianceThresholdSelector": variance_threshold_selector,
    "VectorAssembler": vector_assembler,
    "VectorIndexer": vector_indexer,
    "VectorSizeHint": vector_size_hint,
    "VectorSlicer": vector_slicer,
}

WITHOUT = {
    "Word2Vec": "sentences are shuffled by partitions there, and by content here (docs/decisions.md)",
}
"""Classes that are not compared on random rows, and why."""


@st.composite
def problems(draw: Draw, name: str) -> Problem:
    """Random problems for a class."""
    return PROBLEMS[name](draw)
