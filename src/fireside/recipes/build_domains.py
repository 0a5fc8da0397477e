"""From texts on disk to a tokenizer and to domains."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fireside.core.errors import ResumeError
from fireside.lm.tokenizer import Tokenizer
from fireside.mixing import BuildSettings, Domain, build_domain, open_texts
from fireside.mixing.tokenise import dataset_texts

__all__ = ["EncodeWith", "build_from", "train_tokenizer"]

SAMPLE_CHARACTERS = 20_000_000
"""A byte-pair encoding is trained on about so much text of each source; more changes it little."""


def train_tokenizer(
    sources: Sequence[Path], out: Path, *, vocab_size: int, column: str = "text"
) -> Tokenizer:
    """Train a byte-pair encoding on the first texts of each source, and save it.

    Raises:
        InputError: a source cannot be read.
        ResumeError: there is something at `out` already.
    """
    if out.exists():
        raise ResumeError(f"{out} exists: domains may have been built with it; choose another directory")
    trained = Tokenizer.train_bpe(_sample(sources, column), vocab_size)
    trained.save(out)
    return trained


def build_from(
    source: Path,
    out: Path,
    tokenizer: Path,
    *,
    name: str | None = None,
    column: str = "text",
    num_workers: int = 0,
) -> Domain:
    """Tokenise texts into a domain, each text followed by the end-of-text token.

    Raises:
        InputError: the source or the tokenizer cannot be read.
        ResumeError: what lies at `out` was made from other texts.
    """
    vocabulary = Tokenizer.load(tokenizer)
    settings = BuildSettings(
        vocab_size=vocabulary.vocab_size, separator=vocabulary.eos_id, tokenizer=vocabulary.fingerprint
    )
    texts = open_texts(source, column=column)
    return build_domain(out, texts, EncodeWith(tokenizer), settings, name=name, num_workers=num_workers)


@dataclass(frozen=True)
class EncodeWith:
    """A saved tokenizer's `encode` that can be sent to other processes.

    Attributes:
        directory: of the tokenizer.
    """

    directory: Path

    def __call__(self, text: str) -> list[int]:
        return _loaded(self.directory).encode(text)


@lru_cache(maxsize=1)
def _loaded(directory: Path) -> Tokenizer:
    return Tokenizer.load(directory)


def _sample(sources: Sequence[Path], column: str) -> Iterator[str]:
    for source in sources:
        left = SAMPLE_CHARACTERS
        for text in dataset_texts(open_texts(source, column=column)):
            yield text
            left -= len(text)
            if left <= 0:
                break
