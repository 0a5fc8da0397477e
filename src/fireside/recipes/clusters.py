"""Domains that nobody has named: k-means over TF-IDF."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.core.errors import InputError
from fireside.ml import Pipeline
from fireside.ml.clustering import KMeans
from fireside.ml.feature import IDF, CountVectorizer, CountVectorizerModel, Normalizer, StopWordsRemover

__all__ = ["Cluster", "cluster_texts"]

MAX_CLUSTERS = 8
TEXTS_PER_CLUSTER = 20
NUM_TERMS = 3
MIN_TEXTS_OF_A_TERM = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """A domain found by k-means.

    Attributes:
        terms: those that weigh most in its centre; none where all texts are one domain.
        size: how many texts it has.
    """

    terms: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """What it is about."""
        return ", ".join(self.terms) or "everything"


def cluster_texts(
    words: Dataset, *, num_texts: int, seed: int, num_clusters: int | None = None
) -> tuple[pa.Array, tuple[Cluster, ...]]:
    """Sort texts by what they are about.

    The TF-IDF vectors of all texts are held in memory, 12 bytes for each distinct word of a text.

    Args:
        words: a column `words` of lists of strings; read three times.
        num_texts: how many there are.
        seed: of k-means.
        num_clusters: how many domains; one for each `TEXTS_PER_CLUSTER` texts, at most `MAX_CLUSTERS`, if
            left out. Where there are fewer different texts, there are fewer clusters.

    Returns:
        The number of the domain of each text, int32[N], and the domains.

    Raises:
        InputError: there are fewer texts than clusters asked for.

    >>> from fireside.compute import as_dataset
    >>> texts = as_dataset({"words": [["sea", "salt"], ["sea", "ship"], ["ledger", "tax"], ["tax", "law"]]})
    >>> domains, clusters = cluster_texts(texts, num_texts=4, seed=1, num_clusters=2)
    >>> sorted(cluster.size for cluster in clusters), domains[0] == domains[1], domains[0] == domains[2]
    ([2, 2], True, False)
    """
    if num_clusters is not None and num_clusters > num_texts:
        raise InputError(
            f"{num_texts} texts cannot be sorted into {num_clusters} clusters: ask for fewer, or give more"
        )
    if num_clusters is None:
        num_clusters = min(MAX_CLUSTERS, num_texts // TEXTS_PER_CLUSTER)
    if num_clusters < 2:
        return pa.array(np.zeros(num_texts, np.int32)), (Cluster((), num_texts),)
    # A term that hardly any text has says nothing, but in a handful of texts all are like that.
    rare = num_texts < 2 * TEXTS_PER_CLUSTER
    weighing = Pipeline(
        stages=[
            StopWordsRemover(inputCol="words", outputCol="terms"),
            CountVectorizer(
                inputCol="terms", outputCol="counts", minDF=1.0 if rare else float(MIN_TEXTS_OF_A_TERM)
            ),
            IDF(inputCol="counts", outputCol="tfidf"),
            Normalizer(inputCol="tfidf", outputCol="features"),
        ]
    ).fit(words.select(["words"]))
    features = TableDataset(weighing.transform(words.select(["words"])).select(["features"]).to_table())
    model = KMeans(k=num_clusters, seed=seed, predictionCol="domain").fit(features)
    domains = model.transform(features).to_table()["domain"].combine_chunks()
    counter = weighing.stages[1]
    assert isinstance(counter, CountVectorizerModel)
    centres = model.clusterCenters()
    sizes = np.bincount(domains.to_numpy(), minlength=len(centres))
    clusters = tuple(
        Cluster(tuple(counter.vocabulary[i] for i in np.argsort(-np.asarray(centre))[:NUM_TERMS]), int(size))
        for centre, size in zip(centres, sizes, strict=True)
    )
    return domains, clusters
