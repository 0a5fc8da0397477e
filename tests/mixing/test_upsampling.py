"""The one-call path: domains, plans and loaders together."""

from pathlib import Path

import numpy as np
import pytest

from fireside.core.errors import ConfigError, ResumeError
from fireside.core.protocols import BatchSource, Stateful, TokenBatch
from fireside.mixing.build import BuildSettings
from fireside.mixing.upsampling import UpsamplingConfig, prepare_upsampling

SETTINGS = BuildSettings(vocab_size=256, separator=0, tokenizer="bytes", shard_tokens=3000)
CONFIG = UpsamplingConfig(
    base_shares={"web": 0.8, "books": 0.15, "code": 0.05},
    upsampled_shares={"web": 0.4, "books": 0.3, "code": 0.3},
    sequence_length=16,
    batch_size=4,
    num_steps=50,
    held_out_every=5,
    seed=3,
)


def encode(text: str) -> list[int]:
    return list(text.encode())


def texts() -> dict[str, list[str]]:
    """Each domain has characters of its own, so that a token tells where it comes from."""
    generator = np.random.default_rng(0)
    return {
        name: ["".join(generator.choice(list(letters), size)) for size in generator.integers(5, 60, 120)]
        for name, letters in (("web", "abcdef"), ("books", "uvwxyz"), ("code", "012345"))
    }


def same(a: TokenBatch, b: TokenBatch) -> bool:
    return np.array_equal(a.inputs_BT, b.inputs_BT) and np.array_equal(a.targets_BT, b.targets_BT)


def test_both_runs_give_the_same_batches_before_the_branch_and_other_ones_after(tmp_path: Path) -> None:
    runs = prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    assert runs.branch_step == 40
    assert runs.base.num_batches == runs.upsampled.num_batches == 50
    for step in range(40):
        assert same(runs.base.batch(step), runs.upsampled.batch(step))
    assert not any(same(runs.base.batch(step), runs.upsampled.batch(step)) for step in range(40, 50))
    assert runs.base.fingerprint != runs.upsampled.fingerprint


def test_after_the_branch_each_run_has_its_own_shares(tmp_path: Path) -> None:
    runs = prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    for loader, shares in ((runs.base, (0.8, 0.15, 0.05)), (runs.upsampled, (0.4, 0.3, 0.3))):
        domains = np.concatenate([loader.batch(step).domains_B for step in range(40, 50)])
        counts = np.bincount(domains, minlength=3)
        assert np.all(np.abs(counts - 40 * np.array(shares)) < 2)


def test_a_row_holds_only_tokens_of_the_domain_it_names(tmp_path: Path) -> None:
    runs = prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    letters = [set(b"abcdef\0"), set(b"uvwxyz\0"), set(b"012345\0")]
    for step in range(50):
        batch = runs.upsampled.batch(step)
        assert batch.domains_B is not None
        for row, domain in zip(batch.inputs_BT.tolist(), batch.domains_B.tolist(), strict=True):
            assert set(row) <= letters[domain]


def test_held_out_texts_are_never_trained_on(tmp_path: Path) -> None:
    marked = texts()
    # A character that only the held-out texts of "web" have.
    marked["web"] = ["Z" * 40 if number % 5 == 4 else text for number, text in enumerate(marked["web"])]
    runs = prepare_upsampling(tmp_path, marked, encode, SETTINGS, CONFIG)
    for loader in (runs.base, runs.upsampled):
        assert not any((loader.batch(step).inputs_BT == ord("Z")).any() for step in range(50))
    held_out = runs.held_out["web"]
    tokens = np.concatenate([held_out.batch(step).inputs_BT for step in range(held_out.num_batches)])
    assert set(np.unique(tokens)) == {0, ord("Z")}


def test_a_second_call_finds_the_domains_and_gives_the_same_batches(tmp_path: Path) -> None:
    first = prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    fingerprint = first.upsampled.fingerprint

    def never(text: str) -> list[int]:
        raise AssertionError("encoded again")

    second = prepare_upsampling(tmp_path, texts(), never, SETTINGS, CONFIG)
    assert second.upsampled.fingerprint == fingerprint
    assert same(first.base.batch(49), second.base.batch(49))


def test_other_texts_in_the_same_directory_are_refused(tmp_path: Path) -> None:
    prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    changed = texts()
    changed["books"][0] = "another book"
    with pytest.raises(ResumeError, match="made from other documents"):
        prepare_upsampling(tmp_path, changed, encode, SETTINGS, CONFIG)


def test_the_loaders_are_batch_sources_with_state(tmp_path: Path) -> None:
    runs = prepare_upsampling(tmp_path, texts(), encode, SETTINGS, CONFIG)
    assert isinstance(runs.base, BatchSource)
    assert isinstance(runs.base, Stateful)


def test_a_branch_that_leaves_one_part_empty_is_refused() -> None:
    with pytest.raises(ConfigError, match="leaves one part empty"):
        UpsamplingConfig(
            base_shares={"a": 1.0},
            upsampled_shares={"a": 1.0},
            sequence_length=8,
            batch_size=2,
            num_steps=10,
            branch_at=0.01,
        )
