"""`Domain`: a named set of tokens on disk.

A domain is a checkpoint directory (`fireside.core.checkpoint`): shards of tokens and of document starts, and
a manifest, written last, with sizes and checksums. It is built by `fireside.mixing.build` and never changed.
"""

import hashlib
import os
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core import checkpoint
from fireside.core.errors import CorruptFileError
from fireside.mixing.domain_size import DomainSize
from fireside.mixing.shards import DocumentStarts, TokenShards, documents_file, token_dtype, tokens_file

__all__ = ["DOMAIN_KIND", "Domain", "DomainFacts", "ShardFacts", "read_size"]

Int64Array = npt.NDArray[np.int64]

DOMAIN_KIND = "fireside.mixing.domain"


class ShardFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one shard holds.

    Attributes:
        num_tokens: how many tokens.
        num_documents: how many documents start in it; none ends outside.
        source: digest of the texts it was made from.
    """

    num_tokens: int
    num_documents: int
    source: str


class DomainFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a domain's manifest says beside its files.

    Attributes:
        name: as schedules call it.
        vocab_size: every token is below.
        tokenizer: a name or digest of what turned text into tokens; domains of one mixture agree in it.
        separator: the token that was put after every document; `None` where there is none.
        shards: in order.
    """

    name: str
    vocab_size: int
    tokenizer: str
    separator: int | None
    shards: tuple[ShardFacts, ...]


class Domain:
    """Tokens of one kind of text, memory-mapped.

    Args:
        path: the domain's directory.
        verify: read every shard once and compare its checksum; without, only sizes are compared.

    Raises:
        CheckpointError: there is no whole domain at `path`.
        CorruptFileError: a shard is missing or differs from the manifest; it is named, with both checksums.
    """

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = True) -> None:
        self.path = Path(path)
        read = checkpoint.verify if verify else checkpoint.read_manifest
        manifest = read(self.path, kind=DOMAIN_KIND)
        self.facts = _facts_in(self.path, manifest)
        shards = self.facts.shards
        lengths = [shard.num_tokens for shard in shards]
        self._tokens = TokenShards(
            [self.path / tokens_file(shard) for shard in range(len(shards))],
            token_dtype(self.facts.vocab_size),
            lengths,
        )
        self._documents = DocumentStarts(
            [self.path / documents_file(shard) for shard in range(len(shards))],
            [shard.num_documents for shard in shards],
            list(accumulate(lengths[:-1], initial=0)),
        )
        self.fingerprint = _fingerprint_of(manifest)

    @property
    def name(self) -> str:
        """What schedules call it."""
        return self.facts.name

    @property
    def num_tokens(self) -> int:
        """How many tokens it holds."""
        return len(self._tokens)

    @property
    def num_documents(self) -> int:
        """How many documents it holds."""
        return sum(shard.num_documents for shard in self.facts.shards)

    @property
    def size(self) -> DomainSize:
        """What a plan needs to know of it."""
        return DomainSize(name=self.name, num_tokens=self.num_tokens, fingerprint=self.fingerprint)

    def read(self, start: int, out: npt.NDArray[np.integer]) -> None:
        """Fill `out`, integers of any type that holds the vocabulary, with the tokens from `start` on."""
        self._tokens.read(start, out)

    def document_starts(self, start: int, stop: int) -> Int64Array:
        """The tokens from `start` to before `stop` with which a document starts, ascending."""
        return self._documents.between(start, stop)


def read_size(path: str | os.PathLike[str]) -> DomainSize:
    """What a plan needs to know of a domain, from its manifest alone.

    Raises:
        CheckpointError: there is no whole domain at `path`.
    """
    manifest = checkpoint.read_manifest(path, kind=DOMAIN_KIND)
    facts = _facts_in(Path(path), manifest)
    num_tokens = sum(shard.num_tokens for shard in facts.shards)
    return DomainSize(name=facts.name, num_tokens=num_tokens, fingerprint=_fingerprint_of(manifest))


def _facts_in(path: Path, manifest: checkpoint.Manifest) -> DomainFacts:
    try:
        return msgspec.convert(manifest.metadata, DomainFacts)
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{path / checkpoint.MANIFEST} does not describe a domain ({error}): build it again"
        ) from error


def _fingerprint_of(manifest: checkpoint.Manifest) -> str:
    """A digest of the tokens; where they lie and what the domain is called are not in it."""
    checksums = sorted((name, entry.blake2b) for name, entry in manifest.files.items())
    return hashlib.blake2b(repr(checksums).encode(), digest_size=16).hexdigest()
