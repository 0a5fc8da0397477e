"""Texts to domains: a `fireside.ml` pipeline in front of `fireside.mixing`.

    read -> drop exact duplicates -> drop near-duplicates (MinHash) -> drop what is below quality (naive
    Bayes) -> sort: by examples of each domain (naive Bayes), or into clusters (k-means)

    out/
      <domain>.parquet     a column `text`; `build_domain(path, open_texts(out / "<domain>.parquet"), ...)`
      summary.json         how many texts went where, and what the domains are about

Texts are streamed, and kept on disk between the steps. In memory are a digest of each text, what
`near_duplicates`, `cluster_texts` and `train_text_classifier` hold, and a few numbers for each text. Every
text that is read is counted once: in a domain, or among those that were dropped.
"""

import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fireside.core import checkpoint
from fireside.core.config import config
from fireside.core.errors import ConfigError, InputError
from fireside.recipes.clusters import cluster_texts
from fireside.recipes.near_duplicates import SIMILARITY, near_duplicates
from fireside.recipes.text_batches import text_batches
from fireside.recipes.text_classifier import TextClassifier, train_text_classifier
from fireside.recipes.text_pool import TextPool

__all__ = ["DomainTexts", "DomainsConfig", "DomainsSummary", "make_domains"]

logger = logging.getLogger(__name__)

KIND = "fireside.recipes.domains"
UNSORTED = "unsorted"
"""The domain of texts without any word that the examples of the domains have."""

GOOD = "good"
MOST_LETTERS = 100


@config
class DomainsConfig:
    """How domains are made.

    Attributes:
        column: the column of text, in all sources.
        similarity: Jaccard similarity of the words from which on a text is a near-duplicate; `None` keeps
            near-duplicates.
        min_quality: the least probability of good quality, where there are examples of it.
        num_clusters: how many domains, where there are no examples of them; `None` chooses.
        seed: of MinHash and k-means.

    Raises:
        ConfigError: a number out of range.
    """

    column: str = "text"
    similarity: float | None = SIMILARITY
    min_quality: float = 0.5
    num_clusters: int | None = None
    seed: int = 17

    def __post_init__(self) -> None:
        if self.similarity is not None and not 0 < self.similarity <= 1:
            raise ConfigError(f"similarity must be above 0 and at most 1, got {self.similarity}")
        if not 0 <= self.min_quality <= 1:
            raise ConfigError(f"min_quality is a probability from 0 to 1, got {self.min_quality}")
        if self.num_clusters is not None and self.num_clusters < 1:
            raise ConfigError(f"num_clusters must be at least 1, got {self.num_clusters}")


@dataclass(frozen=True, slots=True)
class DomainTexts:
    """The texts of one domain.

    Attributes:
        name: what it is called.
        file: the file in the output directory.
        num_texts: how many there are.
        num_characters: their length together.
        terms: what they are about.
    """

    name: str
    file: str
    num_texts: int
    num_characters: int
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DomainsSummary:
    """Where the texts went; the numbers add up to `num_read`."""

    num_read: int
    num_without_words: int
    num_exact_duplicates: int
    num_near_duplicates: int
    num_below_quality: int
    domains: tuple[DomainTexts, ...]


def make_domains(
    source: Any,
    out: str | os.PathLike[str],
    settings: DomainsConfig | None = None,
    *,
    good: Any = None,
    other: Any = None,
    labelled: Mapping[str, Any] | None = None,
) -> DomainsSummary:
    """Clean texts and sort them into domains.

    Args:
        source: what `fireside.mixing.open_texts` takes. Rows on a cluster are brought to this machine.
        out: the directory to write; one that this function wrote is replaced when the new one is whole.
        settings: how; the defaults if left out.
        good: examples of texts worth training on, as sources; with `other` they make the quality classifier.
        other: examples of other texts.
        labelled: domain -> examples of it. Without, domains are clusters, named `cluster-0` and so on.

    Raises:
        ConfigError: settings that contradict one another, or a domain's name that is no file name.
        InputError: no texts, none left, examples that tell nothing, or fewer texts than clusters.
        CheckpointError: something else lies at `out`.
        DiskFullError: there is no room.

    >>> import tempfile
    >>> texts = {"text": ["salt sea waves", "the tax law", "the tax law", "waves at sea", "...", "a new law"]}
    >>> examples = {"sea": {"text": ["sea waves"]}, "law": {"text": ["tax law"]}}
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     summary = make_domains(texts, f"{directory}/domains", labelled=examples)
    >>> [(domain.file, domain.num_texts) for domain in summary.domains]
    [('sea.parquet', 2), ('law.parquet', 2)]
    >>> summary.num_read, summary.num_exact_duplicates, summary.num_without_words
    (6, 1, 1)
    """
    settings = DomainsConfig() if settings is None else settings
    _check(settings, good=good, other=other, labelled=labelled)
    out = Path(out)
    if (out / checkpoint.MANIFEST).is_file():
        checkpoint.read_manifest(out, kind=KIND)
    # What is quick to fail comes first.
    quality = sorter = None
    if good is not None:
        quality = train_text_classifier({GOOD: good, "other": other}, column=settings.column)
    if labelled is not None:
        sorter = train_text_classifier(labelled, column=settings.column)
    with checkpoint.writing(out, kind=KIND) as directory:
        pool = TextPool(
            directory / ".pool.parquet", text_batches(source, column=settings.column, name="the texts")
        )
        if pool.num_texts == 0:
            raise InputError(f"none of the {pool.num_read} texts given has a word: give some that have")
        num_near = drop_near_duplicates(pool, settings)
        num_below = 0 if quality is None else drop_below_quality(pool, quality, settings)
        domains = write_domains(pool, sorter, settings, directory)
        pool.delete()
        summary = DomainsSummary(
            num_read=pool.num_read,
            num_without_words=pool.num_without_words,
            num_exact_duplicates=pool.num_exact_duplicates,
            num_near_duplicates=num_near,
            num_below_quality=num_below,
            domains=domains,
        )
        encoded = msgspec.json.format(msgspec.json.encode(summary), indent=1)
        (directory / "summary.json").write_bytes(encoded + b"\n")
    return summary


def drop_near_duplicates(pool: TextPool, settings: DomainsConfig) -> int:
    """Drop what is nearly an earlier text; returns how many."""
    if settings.similarity is None:
        return 0
    return pool.drop(near_duplicates(pool.words(), seed=settings.seed, similarity=settings.similarity))


def drop_below_quality(pool: TextPool, quality: TextClassifier, settings: DomainsConfig) -> int:
    """Drop what is less probably good than asked for; returns how many.

    Raises:
        InputError: nothing is left.
    """
    good = quality.judge(pool.texts()).probabilities[:, quality.labels.index(GOOD)]
    num_below = pool.drop(good < settings.min_quality)
    if pool.num_texts == 0:
        raise InputError(
            f"none of {num_below} texts is good with a probability of {settings.min_quality} or more (the "
            f"best has {good.max():.3g}): lower min_quality, or give other examples"
        )
    return num_below


def write_domains(
    pool: TextPool, sorter: TextClassifier | None, settings: DomainsConfig, directory: Path
) -> tuple[DomainTexts, ...]:
    """Sort the texts, and write a file for each domain that has any."""
    if sorter is None:
        numbers, clusters = cluster_texts(
            pool.words(), num_texts=pool.num_texts, seed=settings.seed, num_clusters=settings.num_clusters
        )
        places = numbers.to_numpy()
        terms = {f"cluster-{number}": cluster.terms for number, cluster in enumerate(clusters)}
    else:
        judged = sorter.judge(pool.texts())
        places = np.where(judged.known, judged.probabilities.argmax(axis=1), len(sorter.labels))
        terms = {label: sorter.terms(label) for label in sorter.labels} | {UNSORTED: ()}
    files = [f"{name}.parquet" for name in terms]
    totals = pool.write(places, [directory / file for file in files])
    domains = []
    for (name, about), file, (num_texts, num_characters) in zip(terms.items(), files, totals, strict=True):
        if num_texts:
            domains.append(DomainTexts(name, file, num_texts, num_characters, about))
        elif name != UNSORTED:
            logger.warning("no text was sorted into the domain %r, which gets no file", name)
    return tuple(domains)


def _check(settings: DomainsConfig, *, good: Any, other: Any, labelled: Mapping[str, Any] | None) -> None:
    """Raise `ConfigError` where arguments contradict one another."""
    if (good is None) != (other is None):
        given, missing = ("good", "other") if other is None else ("other", "good")
        raise ConfigError(f"there are examples of {given} texts but none of {missing} ones: give both")
    if labelled is None:
        return
    if settings.num_clusters is not None:
        raise ConfigError(
            f"num_clusters is {settings.num_clusters}, but there are examples of domains: give one of the two"
        )
    if len(labelled) < 2:
        raise ConfigError(f"give examples of two domains or more, got {', '.join(labelled) or 'none'}")
    for name in labelled:
        if name == UNSORTED or not re.fullmatch(r"\w[\w.-]*", name) or len(name) > MOST_LETTERS:
            raise ConfigError(
                f"a domain cannot be called {name!r}: a name has letters, digits, '_', '-' and '.', begins "
                f"with a letter or digit, is at most {MOST_LETTERS} long, and is not {UNSORTED!r}"
            )
