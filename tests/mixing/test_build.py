"""Builds: the same bytes whether or not they were cut off, here, in processes or on a cluster."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.compute import as_dataset
from fireside.core.errors import ConfigError, CorruptFileError, InputError, ResumeError, SchemaError
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.sources import open_texts

SETTINGS = BuildSettings(vocab_size=256, separator=0, tokenizer="bytes", shard_tokens=300)
TEXTS = [f"document {number} " + "x" * (number % 37) for number in range(100)]


def encode(text: str) -> list[int]:
    return list(text.encode())


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def tokens_of(domain: Domain) -> list[int]:
    out = np.empty(domain.num_tokens, np.int32)
    domain.read(0, out)
    return out.tolist()


class Stopped(Exception):
    """What ends a build in these tests."""


def stopping(after: int) -> Iterator[str]:
    yield from TEXTS[:after]
    raise Stopped


def test_all_tokens_are_there_with_the_separator(tmp_path: Path) -> None:
    domain = build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)
    assert tokens_of(domain) == [token for text in TEXTS for token in [*text.encode(), 0]]
    assert domain.num_documents == 100
    assert len(domain.facts.shards) > 5
    assert not (tmp_path / ".d.building").exists()


@pytest.mark.parametrize("after", [0, 1, 17, 50, 99])
def test_a_build_that_was_cut_off_goes_on_to_the_same_bytes(tmp_path: Path, after: int) -> None:
    with pytest.raises(Stopped):
        build_domain(tmp_path / "d", stopping(after), encode, SETTINGS)
    assert not (tmp_path / "d").exists()
    encoded = []

    def counting(text: str) -> list[int]:
        encoded.append(text)
        return encode(text)

    build_domain(tmp_path / "d", TEXTS, counting, SETTINGS)
    build_domain(tmp_path / "whole", TEXTS, encode, SETTINGS, name="d")
    assert contents(tmp_path / "d") == contents(tmp_path / "whole")
    # Only the shard in hand was lost.
    assert len(TEXTS) - len(encoded) >= after - 20


KILLED = """
import sys, time
from fireside.mixing.build import BuildSettings, build_domain
def encode(text):
    time.sleep(0.002)
    return list(text.encode())
texts = [f"document {number} " + "x" * (number % 37) for number in range(100)]
print("ready", flush=True)
build_domain(sys.argv[1], texts, encode,
    BuildSettings(vocab_size=256, separator=0, tokenizer="bytes", shard_tokens=300), name="d")
"""


def test_a_killed_build_loses_nothing(tmp_path: Path) -> None:
    build_domain(tmp_path / "whole", TEXTS, encode, SETTINGS, name="d")
    moments = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "d")], stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(moments.uniform(0.0, 0.3))
            os.kill(process.pid, signal.SIGKILL)
        # Whatever is there is whole: the domain, or finished shards and nothing that is taken for one.
        if (tmp_path / "d").exists():
            Domain(tmp_path / "d")
    build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)
    assert contents(tmp_path / "d") == contents(tmp_path / "whole")


def test_a_domain_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)

    def never(text: str) -> list[int]:
        raise AssertionError("encoded again")

    assert build_domain(tmp_path / "d", TEXTS, never, SETTINGS).num_documents == 100


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["other", *TEXTS[1:]], r"some of documents 0 to \d+ have changed"),
        ([*TEXTS[:-1], "other"], r"some of documents \d+ to 99 have changed"),
        (TEXTS[:-1], "holds more than the 99 given now"),
        ([*TEXTS, "more"], "holds the first 100, and now there are more"),
    ],
)
def test_a_domain_of_other_texts_is_refused(tmp_path: Path, texts: list[str], message: str) -> None:
    build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)
    with pytest.raises(ResumeError, match=message):
        build_domain(tmp_path / "d", texts, encode, SETTINGS)


def test_an_unfinished_build_of_other_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        build_domain(tmp_path / "d", stopping(50), encode, SETTINGS)
    with pytest.raises(ResumeError, match="was made from other documents"):
        build_domain(tmp_path / "d", TEXTS[1:], encode, SETTINGS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 300}, "vocab_size 256, now asked for is 300"),
        ({"tokenizer": "other"}, "tokenizer 'bytes', now asked for is 'other'"),
        ({"separator": None}, "separator 0, now asked for is None"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)
    changed = BuildSettings(**{"vocab_size": 256, "separator": 0, "tokenizer": "bytes", **change})
    with pytest.raises(ResumeError, match=message):
        build_domain(tmp_path / "d", TEXTS, encode, changed)
    with pytest.raises(Stopped):
        build_domain(tmp_path / "e", stopping(50), encode, SETTINGS)
    with pytest.raises(ResumeError, match="delete that folder, or use the former settings"):
        build_domain(tmp_path / "e", TEXTS, encode, changed)


def test_an_unfinished_build_with_a_corrupt_shard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        build_domain(tmp_path / "d", stopping(50), encode, SETTINGS)
    shard = tmp_path / ".d.building" / "shard-00001" / "tokens.bin"
    shard.write_bytes(b"x" * shard.stat().st_size)
    with pytest.raises(CorruptFileError, match=r"shard-00001/tokens.bin has .*delete that folder"):
        build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)


def test_two_processes_do_not_build_one_domain(tmp_path: Path) -> None:
    def meanwhile() -> Iterator[str]:
        yield TEXTS[0]
        with pytest.raises(ResumeError, match="another process is building in"):
            build_domain(tmp_path / "d", TEXTS, encode, SETTINGS)
        yield from TEXTS[1:]

    assert build_domain(tmp_path / "d", meanwhile(), encode, SETTINGS).num_documents == 100


def test_a_token_outside_the_vocabulary_names_its_document(tmp_path: Path) -> None:
    settings = BuildSettings(vocab_size=100)
    with pytest.raises(InputError, match="begins 'abz' has token 122, outside the vocabulary of 100"):
        build_domain(tmp_path / "d", ["ab", "abz"], encode, settings)
    with pytest.raises(InputError, match="token -1, outside"):
        build_domain(tmp_path / "e", ["a"], lambda _: [-1], settings)


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_an_empty_domain_is_refused_and_leaves_nothing(tmp_path: Path, texts: list[str]) -> None:
    with pytest.raises(InputError, match=f"'d' is empty: no token came of {len(texts)} documents"):
        build_domain(tmp_path / "d", texts, encode, BuildSettings(vocab_size=256))
    assert list(tmp_path.iterdir()) == []


def test_broken_surrogates_do_not_stop_a_build(tmp_path: Path) -> None:
    domain = build_domain(tmp_path / "d", ["a\ud800b"], lambda text: [len(text)], SETTINGS)
    assert tokens_of(domain) == [3, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be from 1"),
        ({"vocab_size": 10, "separator": 10}, "separator 10 is not below the vocabulary of 10"),
        ({"vocab_size": 10, "shard_tokens": 0}, "shard_tokens must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BuildSettings(**settings)


def test_a_data_set_gives_the_same_domain_as_its_texts(tmp_path: Path) -> None:
    build_domain(tmp_path / "texts", TEXTS, encode, SETTINGS, name="d")
    dataset = as_dataset(pa.table({"text": TEXTS}), batch_rows=7)
    build_domain(tmp_path / "dataset", dataset, encode, SETTINGS, name="d")
    assert contents(tmp_path / "texts") == contents(tmp_path / "dataset")


def test_a_row_without_text_is_refused(tmp_path: Path) -> None:
    dataset = open_texts({"text": ["a", None]})
    with pytest.raises(InputError, match=r"1 of 2 documents, .* have no text \(null\)"):
        build_domain(tmp_path / "d", dataset, encode, SETTINGS)


@pytest.mark.slow
def test_processes_give_the_same_domain(tmp_path: Path) -> None:
    texts = [text * 2000 for text in TEXTS]
    build_domain(tmp_path / "here", texts, encode, SETTINGS, name="d")
    build_domain(tmp_path / "there", texts, encode, SETTINGS, name="d", num_workers=2)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


@pytest.mark.spark
def test_a_spark_cluster_gives_the_same_domain_and_takes_up_a_cut_build(tmp_path: Path, spark: Any) -> None:
    build_domain(tmp_path / "here", TEXTS, encode, SETTINGS, name="d")
    with pytest.raises(Stopped):
        build_domain(tmp_path / "there", stopping(50), encode, SETTINGS, name="d")
    frame = spark.createDataFrame([(text, 1) for text in TEXTS], ["body", "n"]).coalesce(1)
    dataset = open_texts(frame, column="body")
    build_domain(tmp_path / "there", dataset, lambda text: list(text.encode()), SETTINGS, name="d")
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_a_column_that_is_not_text_is_refused() -> None:
    with pytest.raises(SchemaError, match="column 'stars' holds int64, not text"):
        open_texts({"text": ["a"], "stars": [1]}, column="stars")
