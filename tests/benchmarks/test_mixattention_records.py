"""Rows of records: every answer stands at its key's last place, and batches are a function of the step."""

from pathlib import Path

import numpy as np
import pytest

from mixattention_records import RecordRows, Row, RowMaker, schedule

TEXT_VOCAB, NUM_KEYS = 100, 8


@pytest.fixture
def maker() -> RowMaker:
    text = np.random.default_rng(0).integers(TEXT_VOCAB, size=5_000, dtype=np.int32)
    return RowMaker(text=text, text_vocab=TEXT_VOCAB, num_keys=NUM_KEYS)


def rows_of(maker: RowMaker, kind: str, length: int) -> list[Row]:
    lots = np.random.default_rng(1)
    return [getattr(maker, kind)(lots, length) for _ in range(50)]


@pytest.mark.parametrize("kind", ["stream", "needles"])
@pytest.mark.parametrize("length", [16, 33, 256])
def test_an_answer_is_the_value_that_the_key_had_where_it_last_stood(
    maker: RowMaker, kind: str, length: int
) -> None:
    for row in rows_of(maker, kind, length):
        assert len(row.tokens) == length + 1
        for place in np.flatnonzero(row.answers_T):
            # Target `place` is token `place + 1`; its key stands before it.
            value, key = row.tokens[place + 1], row.tokens[place]
            back = row.distances_T[place]
            assert row.tokens[place + 1 - back] == value
            assert row.tokens[place - back] == key
            between = row.tokens[place - back + 1 : place]
            assert key not in between
            assert TEXT_VOCAB <= key < TEXT_VOCAB + NUM_KEYS <= value < TEXT_VOCAB + 2 * NUM_KEYS


@pytest.mark.parametrize("kind", ["stream", "needles"])
def test_a_key_closes_its_record_and_a_value_not_seen_before_is_no_answer(maker: RowMaker, kind: str) -> None:
    for row in rows_of(maker, kind, 256):
        opened = np.flatnonzero((row.tokens >= TEXT_VOCAB) & (row.tokens < TEXT_VOCAB + NUM_KEYS))
        seen = set()
        for place in opened[opened < 255]:
            key = row.tokens[place]
            assert row.tokens[place + 2] == key + 2 * NUM_KEYS
            assert row.answers_T[place] == (key in seen)
            seen.add(key)


def test_text_among_records_is_text_in_its_order(maker: RowMaker) -> None:
    joined = maker.text.tobytes()
    for row in rows_of(maker, "needles", 256):
        text = row.tokens[1:][row.text_T]
        assert (text < TEXT_VOCAB).all()
        assert text.tobytes() in joined
        assert len(text) > 150
    assert not any(row.text_T.any() for row in rows_of(maker, "stream", 256))


def test_distances_are_spread_over_all_of_a_long_row(maker: RowMaker) -> None:
    rows = rows_of(RowMaker(text=maker.text, text_vocab=TEXT_VOCAB, num_keys=32), "stream", 256)
    distances = np.concatenate([row.distances_T[row.answers_T] for row in rows])
    shares = [
        float(np.mean((distances >= low) & (distances < high)))
        for low, high in ((3, 12), (12, 49), (49, 256))
    ]
    assert min(shares) > 0.1
    assert distances.max() > 200


def test_a_key_is_reused_when_all_are_taken() -> None:
    keys = schedule(np.random.default_rng(0), 60, 4)
    assert set(keys.tolist()) == {0, 1, 2, 3}


def test_batches_are_a_function_of_the_step_and_grow(tmp_path: Path, maker: RowMaker) -> None:
    file = tmp_path / "text.npy"
    np.save(file, maker.text)

    def source(seed: int) -> RecordRows:
        return RecordRows(
            tokens=file,
            text_vocab=TEXT_VOCAB,
            num_keys=NUM_KEYS,
            batch_tokens=512,
            length=256,
            num_batches=100,
            seed=seed,
        )

    one, same, other = source(1), source(1), source(2)
    lengths = [one.batch(step).inputs_BT.shape[1] for step in range(100)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (16, 256)
    for step in (50, 0, 99):
        batch = one.batch(step)
        assert batch.inputs_BT.size == pytest.approx(512, rel=0.05)
        assert np.array_equal(batch.inputs_BT[:, 1:], batch.targets_BT[:, :-1])
        assert np.array_equal(batch.targets_BT, same.batch(step).targets_BT)
        assert not np.array_equal(batch.targets_BT, other.batch(step).targets_BT)
    assert one.fingerprint == same.fingerprint != other.fingerprint
