"""Domains on disk: read across shards, and refused when they are not whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.shards import token_dtype

DOCUMENTS = [[1, 2, 3], [], [4], [5, 6, 7, 8, 9], [10, 11], [12]]


def build(path: Path, *, shard_tokens: int = 4, vocab_size: int = 100) -> Domain:
    settings = BuildSettings(vocab_size=vocab_size, shard_tokens=shard_tokens)
    texts = [json.dumps(document) for document in DOCUMENTS]
    return build_domain(path, texts, json.loads, settings)


@pytest.mark.parametrize("shard_tokens", [1, 4, 1000])
@pytest.mark.parametrize("vocab_size", [100, 100_000])
def test_every_range_of_tokens_is_read_across_shards(
    tmp_path: Path, shard_tokens: int, vocab_size: int
) -> None:
    domain = build(tmp_path / "d", shard_tokens=shard_tokens, vocab_size=vocab_size)
    tokens = [token for document in DOCUMENTS for token in document]
    assert domain.num_tokens == len(tokens)
    for start in range(len(tokens)):
        for stop in range(start + 1, len(tokens) + 1):
            out = np.empty(stop - start, np.int32)
            domain.read(start, out)
            assert out.tolist() == tokens[start:stop]


@pytest.mark.parametrize("shard_tokens", [1, 4, 1000])
def test_document_starts_are_found_across_shards(tmp_path: Path, shard_tokens: int) -> None:
    domain = build(tmp_path / "d", shard_tokens=shard_tokens)
    starts = np.cumsum([0] + [len(document) for document in DOCUMENTS[:-1]]).tolist()
    assert domain.num_documents == len(DOCUMENTS)
    for start in range(domain.num_tokens + 1):
        for stop in range(start, domain.num_tokens + 1):
            found = domain.document_starts(start, stop).tolist()
            assert found == [s for s in starts if start <= s < stop]


def test_tokens_take_two_bytes_up_to_a_vocabulary_of_65536() -> None:
    assert token_dtype(2**16).itemsize == 2
    assert token_dtype(2**16 + 1).itemsize == 4


def test_a_corrupt_shard_is_named_with_both_checksums(tmp_path: Path) -> None:
    build(tmp_path / "d")
    shard = tmp_path / "d" / "tokens-00001.bin"
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(data)
    with pytest.raises(
        CorruptFileError, match=r"tokens-00001.bin has \d+ bytes and checksum (\w+), .* and (?!\1)\w+"
    ):
        Domain(tmp_path / "d")
    assert Domain(tmp_path / "d", verify=False).num_tokens == 12


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("file", ["tokens-00001.bin", "documents-00000.bin"])
def test_a_missing_or_cut_shard_is_named(tmp_path: Path, verify: bool, file: str) -> None:
    build(tmp_path / "d")
    path = tmp_path / "d" / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match=f"{file} has"):
        Domain(tmp_path / "d", verify=verify)
    path.unlink()
    with pytest.raises(CorruptFileError, match=f"{file} is missing"):
        Domain(tmp_path / "d", verify=verify)


def test_what_is_no_domain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        Domain(tmp_path)
    build(tmp_path / "d")
    manifest = tmp_path / "d" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"vocab_size"', '"vocab"'))
    with pytest.raises(CorruptFileError, match="does not describe a domain"):
        Domain(tmp_path / "d")


def test_the_fingerprint_follows_the_tokens_and_not_the_place(tmp_path: Path) -> None:
    one, other = build(tmp_path / "a"), build(tmp_path / "b")
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint == Domain(tmp_path / "a").fingerprint
    changed = build_domain(
        tmp_path / "c", [json.dumps(d) for d in DOCUMENTS[1:]], json.loads, BuildSettings(vocab_size=100)
    )
    assert changed.fingerprint != one.fingerprint
