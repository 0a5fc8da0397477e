"""From texts to a domain: tokenised shard by shard, atomically, resumably.

    for each shard of documents:  encode, write, flush, rename     (.<name>.building/shard-00000, ...)
    at the end:                   link the shards into the domain, write its manifest, rename

A build that is killed loses at most the shard in hand. Started again with the same texts it passes over what
is done, comparing digests of the texts but encoding nothing; with other texts it stops and says so.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core import checkpoint
from fireside.core.config import config
from fireside.core.errors import CheckpointError, ConfigError, CorruptFileError, InputError, ResumeError
from fireside.mixing.domain import DOMAIN_KIND, Domain, DomainFacts, ShardFacts
from fireside.mixing.shards import STARTS_DTYPE, documents_file, token_dtype, tokens_file

__all__ = ["BuildSettings", "Encode", "build_domain"]

Encode = Callable[[str], Sequence[int] | npt.NDArray[np.integer]]
"""Turns a text into token ids."""

SHARD_KIND = "fireside.mixing.shard"
_TOKENS, _DOCUMENTS = "tokens.bin", "documents.bin"


@config
class BuildSettings:
    """How texts become tokens.

    Attributes:
        vocab_size: every token id is below; decides whether a token takes two bytes or four.
        tokenizer: a name or digest of what `encode` does; domains of one mixture must agree in it.
        separator: a token put after every document, such as the end-of-text token.
        shard_tokens: a shard is closed by the document that reaches this many tokens.
    """

    vocab_size: int
    tokenizer: str = ""
    separator: int | None = None
    shard_tokens: int = 2**26

    def __post_init__(self) -> None:
        if not 1 <= self.vocab_size <= 2**31:
            raise ConfigError(f"vocab_size must be from 1 to 2^31, got {self.vocab_size}")
        if self.separator is not None and not 0 <= self.separator < self.vocab_size:
            raise ConfigError(f"separator {self.separator} is not below the vocabulary of {self.vocab_size}")
        if self.shard_tokens < 1:
            raise ConfigError(f"shard_tokens must be at least 1, got {self.shard_tokens}")


def build_domain(
    path: str | os.PathLike[str],
    documents: Iterable[str],
    encode: Encode,
    settings: BuildSettings,
    *,
    name: str | None = None,
) -> Domain:
    """Tokenise texts into a domain, or take up a build where it was cut off.

    A domain that is already there is not built again, if it was made from the same texts.

    Args:
        path: the directory that becomes the domain.
        documents: the texts, in an order that is the same every time.
        encode: text -> token ids.
        settings: how to write them.
        name: what schedules call the domain; the directory's name if left out.

    Raises:
        InputError: no tokens came out, or a token is not below `vocab_size`; the document is named.
        ResumeError: what lies there was made from other texts or with other settings.
        DiskFullError: there is no room; what was done is kept.

    >>> import tempfile
    >>> settings = BuildSettings(vocab_size=128, separator=0)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     domain = build_domain(f"{directory}/abc", ["ab", "c"], lambda text: list(text.encode()), settings)
    ...     tokens = np.empty(domain.num_tokens, np.int32)
    ...     domain.read(0, tokens)
    ...     domain.name, domain.num_documents, tokens.tolist(), domain.document_starts(0, 5).tolist()
    ('abc', 2, [97, 98, 0, 99, 0], [0, 3])
    """
    path = Path(path)
    name = name or path.name
    texts = iter(documents)
    if (path / checkpoint.MANIFEST).is_file():
        domain = Domain(path)
        _check_settings(path, domain.facts, settings, name)
        _pass_over(path, texts, domain.facts.shards)
        if next(texts, None) is not None:
            raise _other_texts(
                path, f"it was built from the first {domain.num_documents}; now there are more"
            )
        return domain
    building = path.parent / f".{path.name}.building"
    shards = _finished_shards(building, settings)
    _pass_over(building, texts, shards)
    done = sum(shard.num_documents for shard in shards)
    for shard in _encoded_shards(texts, encode, settings, first_document=done):
        shards.append(_write_shard(building, len(shards), shard, settings))
    if sum(shard.num_tokens for shard in shards) == 0:
        shutil.rmtree(building, ignore_errors=True)
        raise InputError(f"domain {name!r} is empty: no tokens came of {done} documents; give it documents")
    _assemble(path, building, name, settings, shards)
    shutil.rmtree(building)
    return Domain(path, verify=False)


@dataclass(frozen=True, slots=True)
class _Shard:
    """The documents of one shard, encoded."""

    tokens: npt.NDArray[np.unsignedinteger]
    starts: npt.NDArray[np.int64]
    source: str


def _encoded_shards(
    texts: Iterator[str], encode: Encode, settings: BuildSettings, *, first_document: int
) -> Iterator[_Shard]:
    """Group documents into shards; a document is never split."""
    dtype = token_dtype(settings.vocab_size)
    parts: list[npt.NDArray[np.unsignedinteger]] = []
    starts: list[int] = []
    length, source = 0, _SourceDigest()
    for number, text in enumerate(texts, start=first_document):
        tokens = _encoded(text, encode, settings, number)
        parts.append(tokens.astype(dtype))
        starts.append(length)
        length += tokens.size
        source.add(text)
        if length >= settings.shard_tokens:
            yield _Shard(np.concatenate(parts), np.array(starts, STARTS_DTYPE), source.hexdigest())
            parts, starts, length, source = [], [], 0, _SourceDigest()
    if parts:
        yield _Shard(np.concatenate(parts), np.array(starts, STARTS_DTYPE), source.hexdigest())


def _encoded(text: str, encode: Encode, settings: BuildSettings, number: int) -> npt.NDArray[np.int64]:
    tokens = np.asarray(encode(text), np.int64).ravel()
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < settings.vocab_size):
        worst = tokens.max() if tokens.max() >= settings.vocab_size else tokens.min()
        raise InputError(
            f"document {number} has token {worst}, outside a vocabulary of {settings.vocab_size}: give the "
            "vocab_size of the tokenizer that encodes"
        )
    return tokens if settings.separator is None else np.append(tokens, settings.separator)


def _write_shard(building: Path, number: int, shard: _Shard, settings: BuildSettings) -> ShardFacts:
    facts = ShardFacts(num_tokens=shard.tokens.size, num_documents=shard.starts.size, source=shard.source)
    metadata = {"shard": msgspec.to_builtins(facts), "settings": msgspec.to_builtins(settings)}
    with checkpoint.writing(_shard_path(building, number), kind=SHARD_KIND, metadata=metadata) as directory:
        shard.tokens.tofile(directory / _TOKENS)
        shard.starts.tofile(directory / _DOCUMENTS)
    return facts


def _finished_shards(building: Path, settings: BuildSettings) -> list[ShardFacts]:
    """What a build that was cut off has left; half-written shards are cleared away."""
    shards: list[ShardFacts] = []
    while _shard_path(building, len(shards)).is_dir():
        shard = _shard_path(building, len(shards))
        try:
            metadata = checkpoint.verify(shard, kind=SHARD_KIND).metadata
            facts = msgspec.convert(metadata["shard"], ShardFacts)
            found = msgspec.convert(metadata["settings"], BuildSettings)
        except (CheckpointError, KeyError, msgspec.ValidationError) as error:
            raise CorruptFileError(
                f"the unfinished build in {building} cannot be taken up ({error}): delete that folder"
            ) from error
        if found != settings:
            raise ResumeError(
                f"the unfinished build in {building} was made with {found}, now asked for is {settings}: "
                "delete that folder, or use the former settings"
            )
        shards.append(facts)
    for torn in building.glob(".shard-*"):
        shutil.rmtree(torn)
    return shards


def _pass_over(path: Path, texts: Iterator[str], shards: Sequence[ShardFacts]) -> None:
    """Take the documents of finished shards from the texts, and see that they are still the same."""
    number = 0
    for shard in shards:
        source = _SourceDigest()
        for _ in range(shard.num_documents):
            text = next(texts, None)
            if text is None:
                raise _other_texts(path, f"it holds more than the {number} documents given now")
            source.add(text)
            number += 1
        if source.hexdigest() != shard.source:
            raise _other_texts(
                path, f"documents {number - shard.num_documents} to {number - 1} have changed since"
            )


def _other_texts(path: Path, what: str) -> ResumeError:
    return ResumeError(f"{path} was made from other documents ({what}): delete it to build it anew")


def _check_settings(path: Path, facts: DomainFacts, settings: BuildSettings, name: str) -> None:
    found = (facts.name, facts.vocab_size, facts.tokenizer, facts.separator)
    wanted = (name, settings.vocab_size, settings.tokenizer, settings.separator)
    for what, old, new in zip(("name", "vocab_size", "tokenizer", "separator"), found, wanted, strict=True):
        if old != new:
            raise ResumeError(
                f"{path} was built with {what} {old!r}, now asked for is {new!r}: delete it first"
            )


def _assemble(
    path: Path, building: Path, name: str, settings: BuildSettings, shards: Sequence[ShardFacts]
) -> None:
    facts = DomainFacts(
        name=name,
        vocab_size=settings.vocab_size,
        tokenizer=settings.tokenizer,
        separator=settings.separator,
        shards=tuple(shards),
    )
    with checkpoint.writing(path, kind=DOMAIN_KIND, metadata=msgspec.to_builtins(facts)) as directory:
        for number in range(len(shards)):
            shard = _shard_path(building, number)
            _link(shard / _TOKENS, directory / tokens_file(number))
            _link(shard / _DOCUMENTS, directory / documents_file(number))


def _link(source: Path, target: Path) -> None:
    """A second name for a file; the shard stays whole until the domain is. Copies where links are not had."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _shard_path(building: Path, number: int) -> Path:
    return building / f"shard-{number:05d}"


class _SourceDigest:
    """A digest of texts and of where one ends."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, text: str) -> None:
        # Lone surrogates come from files with broken encodings; they must not stop a build.
        self._digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
