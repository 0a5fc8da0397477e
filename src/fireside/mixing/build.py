"""From texts to a domain: tokenised shard by shard, atomically, resumably.

    for each shard of documents:  encode, write, flush, rename     (.<name>.building/shard-00000, ...)
    at the end:                   link the shards into the domain, write its manifest, rename

A build that is killed loses at most what has not filled a shard. Started again with the same texts it passes
over what is done, comparing digests of the texts but encoding nothing; with other texts it stops and says so.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.compute.dataset import Dataset, DistributedDataset
from fireside.core import checkpoint
from fireside.core.atomic import disk_full_is_clear
from fireside.core.errors import CheckpointError, CorruptFileError, InputError, ResumeError
from fireside.mixing.build_settings import BuildSettings
from fireside.mixing.domain import DOMAIN_KIND, Domain, DomainFacts, ShardFacts
from fireside.mixing.shards import STARTS_DTYPE, documents_file, tokens_file
from fireside.mixing.tokenise import ClusterTexts, Encode, LocalTexts, Tokenised, dataset_texts

__all__ = ["BuildSettings", "Encode", "build_domain"]

SHARD_KIND = "fireside.mixing.shard"
_TOKENS, _DOCUMENTS, _LOCK = "tokens.bin", "documents.bin", "lock"


def build_domain(
    path: str | os.PathLike[str],
    documents: Iterable[str] | Dataset,
    encode: Encode,
    settings: BuildSettings,
    *,
    name: str | None = None,
    num_workers: int = 0,
) -> Domain:
    """Tokenise texts into a domain, or take up a build where it was cut off.

    A domain that is already there is not built again, if it was made from the same texts.

    Args:
        path: the directory that becomes the domain.
        documents: the texts, or a data set with one column of them (`fireside.mixing.sources.open_texts`),
            in an order that is the same every time. Those on a Spark cluster are tokenised there.
        encode: text -> token ids.
        settings: how to write them.
        name: what schedules call the domain; the directory's name if left out.
        num_workers: processes that tokenise beside this one; `encode` must then be picklable.

    Raises:
        InputError: no tokens came out, or a token is not below `vocab_size`; the document is named.
        ResumeError: what lies there was made from other texts or with other settings, or another process is
            building it.
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
    texts: LocalTexts | ClusterTexts
    if isinstance(documents, DistributedDataset):
        texts = ClusterTexts(documents, encode, settings)
    else:
        local = dataset_texts(documents) if isinstance(documents, Dataset) else documents
        texts = LocalTexts(local, encode, settings, num_workers=num_workers)
    if (path / checkpoint.MANIFEST).is_file():
        return _already_built(path, texts, settings, name)
    building = path.parent / f".{path.name}.building"
    with _alone_in(building):
        shards = _finished_shards(building, settings)
        _compare(building, texts, shards)
        for shard in _cut(texts.rest(), settings.shard_tokens):
            shards.append(_write_shard(building, len(shards), shard, settings))
        if sum(shard.num_tokens for shard in shards) == 0:
            shutil.rmtree(building)
            count = sum(shard.num_documents for shard in shards)
            raise InputError(f"domain {name!r} is empty: no token came of {count} documents; give it some")
        _assemble(path, building, name, settings, shards)
        shutil.rmtree(building)
    return Domain(path, verify=False)


@contextmanager
def _alone_in(building: Path) -> Iterator[None]:
    """Hold the folder of an unfinished build; a second process would clear away what the first is writing."""
    with disk_full_is_clear(building):
        building.mkdir(parents=True, exist_ok=True)
    with (building / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResumeError(
                f"another process is building in {building}: let one build, and let the others wait"
            ) from error
        yield


@dataclass(slots=True)
class _Shard:
    """The documents of one shard, as they come."""

    documents: list[npt.NDArray[np.unsignedinteger]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    num_tokens: int = 0

    def add(self, document: Tokenised) -> None:
        self.documents.append(document.tokens)
        self.digests.append(document.digest)
        self.num_tokens += document.tokens.size

    def starts(self) -> npt.NDArray[np.int64]:
        lengths = [document.size for document in self.documents]
        return np.cumsum([0, *lengths[:-1]], dtype=STARTS_DTYPE)


def _cut(documents: Iterator[Tokenised], shard_tokens: int) -> Iterator[_Shard]:
    """Group documents into shards; a document is never split."""
    shard = _Shard()
    for document in documents:
        shard.add(document)
        if shard.num_tokens >= shard_tokens:
            yield shard
            shard = _Shard()
    if shard.documents:
        yield shard


def _write_shard(building: Path, number: int, shard: _Shard, settings: BuildSettings) -> ShardFacts:
    facts = ShardFacts(
        num_tokens=shard.num_tokens,
        num_documents=len(shard.documents),
        source=_source_of(shard.digests),
    )
    metadata = {"shard": msgspec.to_builtins(facts), "settings": msgspec.to_builtins(settings)}
    with checkpoint.writing(_shard_path(building, number), kind=SHARD_KIND, metadata=metadata) as directory:
        with (directory / _TOKENS).open("wb") as file:
            for document in shard.documents:
                file.write(document.data)
        (directory / _DOCUMENTS).write_bytes(shard.starts().tobytes())
    return facts


def _already_built(
    path: Path, texts: LocalTexts | ClusterTexts, settings: BuildSettings, name: str
) -> Domain:
    domain = Domain(path)
    found = (domain.name, domain.facts.vocab_size, domain.facts.tokenizer, domain.facts.separator)
    wanted = (name, settings.vocab_size, settings.tokenizer, settings.separator)
    for what, old, new in zip(("name", "vocab_size", "tokenizer", "separator"), found, wanted, strict=True):
        if old != new:
            raise ResumeError(
                f"{path} was built with {what} {old!r}, now asked for is {new!r}: delete it to build it anew"
            )
    _compare(path, texts, domain.facts.shards)
    if texts.pass_over(1):
        raise _other_texts(path, f"it holds the first {domain.num_documents}, and now there are more")
    return domain


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


def _compare(path: Path, texts: LocalTexts | ClusterTexts, shards: Sequence[ShardFacts]) -> None:
    """Pass over the documents of finished shards, and see that they are still the same."""
    number = 0
    for shard in shards:
        digests = texts.pass_over(shard.num_documents)
        if len(digests) < shard.num_documents:
            raise _other_texts(path, f"it holds more than the {number + len(digests)} given now")
        if _source_of(digests) != shard.source:
            last = number + shard.num_documents - 1
            raise _other_texts(path, f"some of documents {number} to {last} have changed since")
        number += shard.num_documents


def _other_texts(path: Path, what: str) -> ResumeError:
    return ResumeError(f"{path} was made from other documents ({what}): delete it to build it anew")


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


def _source_of(digests: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"".join(digests), digest_size=16).hexdigest()
