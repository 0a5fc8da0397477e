"""From texts to tokens, in order: here, in processes, or on a Spark cluster.

All three give the same documents. Each document comes with a digest of its text, so that a build that goes
on after a kill can tell whether it is still given the same texts. Knows nothing about shards.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute.dataset import Dataset, DistributedDataset
from fireside.compute.map_batches import map_batches
from fireside.core.errors import InputError
from fireside.mixing.build_settings import BuildSettings
from fireside.mixing.shards import token_dtype

__all__ = ["ClusterTexts", "Encode", "LocalTexts", "Tokenised", "dataset_texts", "text_digest", "tokenise"]

Encode = Callable[[str], Sequence[int] | npt.NDArray[np.integer]]
"""Turns a text into token ids."""

Tokens = npt.NDArray[np.unsignedinteger]

_SCHEMA = pa.schema([("digest", pa.binary()), ("tokens", pa.binary())])
_TASK_CHARACTERS = 1 << 20
"""Work is handed to processes in portions of this length: large against the cost of sending `encode`."""


@dataclass(frozen=True, slots=True)
class Tokenised:
    """One document: the digest of its text, and its tokens with the separator."""

    digest: bytes
    tokens: Tokens


@final
class LocalTexts:
    """Texts that are tokenised on this machine.

    Args:
        texts: the documents, in order.
        encode: text -> token ids; with `num_workers` it must be picklable.
        settings: how to write them.
        num_workers: processes to use beside this one; 0 encodes here.
    """

    def __init__(
        self, texts: Iterable[str], encode: Encode, settings: BuildSettings, *, num_workers: int = 0
    ) -> None:
        self._texts = iter(texts)
        self._tokenise = partial(_tokenise_all, encode=encode, settings=settings)
        self._num_workers = num_workers

    def pass_over(self, count: int) -> list[bytes]:
        """The digests of the next texts, which are not encoded; fewer where the texts end."""
        return [text_digest(text) for text in islice(self._texts, count)]

    def rest(self) -> Iterator[Tokenised]:
        """All further documents."""
        if self._num_workers == 0:
            for text in self._texts:
                yield from self._tokenise([text])
            return
        # Fresh processes: a fork of a process with threads may hang.
        with ProcessPoolExecutor(self._num_workers, get_context("spawn")) as processes:
            waiting: deque[Future[list[Tokenised]]] = deque()
            for portion in _portions(self._texts):
                waiting.append(processes.submit(self._tokenise, portion))
                # Two portions for each process keep all busy and memory bounded.
                if len(waiting) > 2 * self._num_workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()


@final
class ClusterTexts:
    """Texts that are tokenised where they lie; tokens and digests come here.

    Args:
        dataset: one column of text, in an order that is the same every time.
        encode: text -> token ids; it is sent to the cluster.
        settings: how to write them.
    """

    def __init__(self, dataset: DistributedDataset, encode: Encode, settings: BuildSettings) -> None:
        tokenised = map_batches(dataset, partial(_tokenise_batch, encode=encode, settings=settings), _SCHEMA)
        self._documents = _documents(tokenised, token_dtype(settings.vocab_size))

    def pass_over(self, count: int) -> list[bytes]:
        """The digests of the next texts; the cluster encodes them once more."""
        return [document.digest for document in islice(self._documents, count)]

    def rest(self) -> Iterator[Tokenised]:
        """All further documents."""
        return self._documents


def dataset_texts(dataset: Dataset) -> Iterator[str]:
    """The texts of a data set's only column."""
    for batch in dataset.batches():
        yield from _column_texts(batch)


def text_digest(text: str) -> bytes:
    """BLAKE2b-128 of a text."""
    # Lone surrogates come from files with broken encodings; they must not stop a build.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def tokenise(text: str, encode: Encode, settings: BuildSettings) -> Tokens:
    """The tokens of one document.

    Raises:
        InputError: a token lies outside the vocabulary; the message says how the document begins.

    >>> tokenise("ab", lambda text: list(text.encode()), BuildSettings(vocab_size=128, separator=0))
    array([97, 98,  0], dtype=uint16)
    """
    tokens = np.asarray(encode(text), np.int64).ravel()
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < settings.vocab_size):
        outside = int(tokens.min()) if tokens.min() < 0 else int(tokens.max())
        raise InputError(
            f"the document that begins {text[:60]!r} has token {outside}, outside the vocabulary of "
            f"{settings.vocab_size}: give the vocab_size of the tokenizer that encodes"
        )
    if settings.separator is not None:
        tokens = np.append(tokens, settings.separator)
    return tokens.astype(token_dtype(settings.vocab_size))


def _portions(texts: Iterator[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    length = 0
    for text in texts:
        portion.append(text)
        length += len(text)
        if length >= _TASK_CHARACTERS:
            yield portion
            portion, length = [], 0
    if portion:
        yield portion


def _tokenise_all(texts: list[str], *, encode: Encode, settings: BuildSettings) -> list[Tokenised]:
    return [Tokenised(text_digest(text), tokenise(text, encode, settings)) for text in texts]


def _tokenise_batch(batch: pa.RecordBatch, *, encode: Encode, settings: BuildSettings) -> pa.RecordBatch:
    documents = _tokenise_all(_column_texts(batch), encode=encode, settings=settings)
    columns = {
        "digest": [document.digest for document in documents],
        "tokens": [document.tokens.tobytes() for document in documents],
    }
    return pa.RecordBatch.from_pydict(columns, schema=_SCHEMA)


def _documents(tokenised: Dataset, dtype: np.dtype[np.unsignedinteger]) -> Iterator[Tokenised]:
    for batch in tokenised.batches():
        for digest, tokens in zip(batch["digest"].to_pylist(), batch["tokens"].to_pylist(), strict=True):
            yield Tokenised(digest, np.frombuffer(tokens, dtype))


def _column_texts(batch: pa.RecordBatch) -> list[str]:
    texts: list[str] = batch.column(0).to_pylist()
    if batch.column(0).null_count:
        raise InputError(
            f"{batch.column(0).null_count} of {len(texts)} documents, the first of which begins "
            f"{(texts[0] or '')[:60]!r}, have no text (null): drop such rows first"
        )
    return texts
