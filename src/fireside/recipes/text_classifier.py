"""A classifier of texts, learnt from examples: TF-IDF and naive Bayes."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.core.errors import InputError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.classification import NaiveBayes, NaiveBayesModel
from fireside.ml.feature import IDF, CountVectorizer, CountVectorizerModel
from fireside.ml.linalg import VectorBlock
from fireside.recipes.text_batches import text_batches, words_stage

__all__ = ["Judged", "TextClassifier", "train_text_classifier"]

FloatArray = npt.NDArray[np.float64]

NUM_TERMS = 3


class Judged(NamedTuple):
    """What a classifier says about some texts.

    Attributes:
        probabilities: float64[N, C]; equal ones for a text without a known word.
        known: bool[N], whether a text has a word that tells anything.
    """

    probabilities: FloatArray
    known: npt.NDArray[np.bool_]


class TextClassifier:
    """Tells the labels of texts.

    Attributes:
        labels: what it was trained to tell apart; their places are the places of the probabilities.
        model: the pipeline; `model.save(path)` writes it as Spark ML would.
    """

    def __init__(self, labels: tuple[str, ...], model: PipelineModel) -> None:
        self.labels = labels
        self.model = model

    def judge(self, texts: Dataset) -> Judged:
        """What it says about each row of a column `text`."""
        judged = [Judged(np.zeros((0, len(self.labels))), np.zeros(0, np.bool_)), *self._batches(texts)]
        return Judged(*(np.concatenate(parts) for parts in zip(*judged, strict=True)))

    def terms(self, label: str) -> tuple[str, ...]:
        """The terms that speak most for a label.

        Each term counts by its share in the label times how much likelier it is there than elsewhere.
        """
        counter, bayes = self.model.stages[1], self.model.stages[-1]
        assert isinstance(counter, CountVectorizerModel)
        assert isinstance(bayes, NaiveBayesModel)
        theta = bayes.theta.toArray()
        mine = self.labels.index(label)
        elsewhere = np.delete(theta, mine, axis=0).max(axis=0)
        weights = np.exp(theta[mine]) * (theta[mine] - elsewhere)
        order = np.argsort(-weights, kind="stable")[:NUM_TERMS]
        return tuple(counter.vocabulary[i] for i in order if weights[i] > 0)

    def _batches(self, texts: Dataset) -> Iterator[Judged]:
        columns = self.model.transform(texts.select(["text"]))
        for batch in columns.select(["features", "probability"]).batches():
            features = VectorBlock.from_arrow(batch["features"])
            telling = np.bincount(features.rows(), features.values > 0, minlength=len(features)) > 0
            yield Judged(VectorBlock.from_arrow(batch["probability"]).to_dense(), telling)


def train_text_classifier(examples: Mapping[str, Any], *, column: str = "text") -> TextClassifier:
    """Learn to tell kinds of text apart.

    Every label counts the same, however many examples it has. Probabilities of long texts are near 0 or 1,
    since naive Bayes takes words for independent: they order texts better than they count mistakes. The
    examples are held in memory.

    Args:
        examples: label -> what `fireside.mixing.open_texts` takes.
        column: the column of text.

    Raises:
        InputError: fewer than two labels, a label without examples, or nothing that tells them apart.

    >>> classifier = train_text_classifier({"sea": {"text": ["salt waves"]}, "law": {"text": ["a tax act"]}})
    >>> from fireside.compute import as_dataset
    >>> judged = classifier.judge(as_dataset({"text": ["waves of salt", "the tax"]}))
    >>> [classifier.labels[i] for i in judged.probabilities.argmax(axis=1)]
    ['sea', 'law']
    """
    if len(examples) < 2:
        raise InputError(
            f"a classifier needs examples of two labels at least, got {', '.join(examples) or 'none'}"
        )
    tables = []
    for place, (label, source) in enumerate(examples.items()):
        batches = text_batches(source, column=column, name=f"examples of {label!r}")
        texts = pa.chunked_array(list(batches), pa.string())
        if len(texts) == 0:
            raise InputError(f"there are no examples of {label!r}: give some texts")
        tables.append(pa.table({"text": texts, "label": np.full(len(texts), float(place))}))
    rows = pa.concat_tables(tables)
    each = rows.num_rows / len(tables)
    weights = np.concatenate([np.full(len(table), each / len(table)) for table in tables])
    model = Pipeline(
        stages=[
            words_stage(),
            CountVectorizer(inputCol="words", outputCol="counts"),
            IDF(inputCol="counts", outputCol="features"),
            NaiveBayes(weightCol="weight"),
        ]
    ).fit(TableDataset(rows.append_column("weight", pa.array(weights))))
    bayes = model.stages[-1]
    assert isinstance(bayes, NaiveBayesModel)
    if not np.ptp(bayes.theta.toArray(), axis=0).any():
        raise InputError(
            f"the examples of {', '.join(map(repr, examples))} hold the same words, or none: nothing tells "
            "them apart"
        )
    return TextClassifier(tuple(examples), model)
