"""Records that must be recalled, in streams of records and scattered through real text, as a `BatchSource`.

A record is three tokens: a key that opens it, a value, and the key's closing tag. In one row a key keeps its
value, which was drawn by lot for this row alone; where the key opens again, the value is the answer. So the
answer needs two steps: something must have written at the value which key stood before it, and the key that
opens again must find that place, however far back it lies.

The time between two records of one key is log-uniform, so that every distance is asked about. Half of the
rows are records alone; in the other half they stand in text. Rows are short at first and grow: among few
records the two steps are found in a minute, among many hardly at all.

Shape legend: B rows, T positions, R records of a row.
"""

import hashlib
import heapq
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fireside.core.protocols import TokenBatch
from fireside.core.seeding import RandomStreams

__all__ = ["RecordRows", "Row", "RowMaker", "schedule"]

Int32Array = npt.NDArray[np.int32]
RECORD = 3
LONG, MANY = 5, 20
TOKENS_PER_NEEDLE = 12
CLOSING_WEIGHT = 0.5
TEXT_WEIGHT = 0.25
PHASES = ((0.12, 16), (0.3, 32), (0.65, 64), (0.8, 128))
"""Until which share of all steps rows have how many tokens; then the whole context."""


class Row(NamedTuple):
    """One row, shifted to inputs and targets.

    Attributes:
        tokens: int32[T + 1].
        answers_T: whether the target is a value to be recalled.
        distances_T: tokens back to the value's last occurrence, where it is; 0 elsewhere.
        text_T: whether the target is text.
    """

    tokens: Int32Array
    answers_T: npt.NDArray[np.bool_]
    distances_T: Int32Array
    text_T: npt.NDArray[np.bool_]


def schedule(lots: np.random.Generator, num_records: int, num_keys: int) -> Int32Array:
    """The key of each of R records: each comes again after a log-uniform number of records.

    Where there are `MANY` records, half of these numbers are at least `LONG`.

    >>> schedule(np.random.default_rng(0), 8, 4).tolist()
    [0, 1, 2, 0, 0, 3, 3, 1]
    """
    least = np.where(lots.random(num_records) < 0.5, 1, LONG if num_records >= MANY else 1)
    gaps = (least * (max(num_records, 2) / least) ** lots.random(num_records)).astype(int)
    due: list[tuple[int, int]] = []
    keys, used = np.empty(num_records, np.int32), 0
    for record in range(num_records):
        if due and (due[0][0] <= record or used == num_keys):
            key = heapq.heappop(due)[1]
        else:
            key, used = used, used + 1
        keys[record] = key
        heapq.heappush(due, (record + int(gaps[record]), key))
    return keys


@dataclass(frozen=True, kw_only=True)
class RowMaker:
    """Makes rows of a text and of records.

    Token ids: the text's come first, then keys, values and closing tags.

    Attributes:
        text: int32, tokens of text joined.
        text_vocab: how many ids text may have.
        num_keys: keys, values and closing tags, of each so many.
    """

    text: Int32Array
    text_vocab: int
    num_keys: int

    @property
    def vocab_size(self) -> int:
        """All ids."""
        return self.text_vocab + RECORD * self.num_keys

    def stream(self, lots: np.random.Generator, length: int) -> Row:
        """A row of records alone."""
        num_records = length // RECORD + 1
        return self._row(lots, np.arange(num_records) * RECORD, np.empty(0, np.int32), length)

    def needles(self, lots: np.random.Generator, length: int) -> Row:
        """A row of text with a record for every twelve tokens."""
        num_records = max(2, (length + 1) // TOKENS_PER_NEEDLE)
        num_text = length + 1 - RECORD * num_records
        start = int(lots.integers(len(self.text) - num_text))
        places = np.sort(lots.integers(num_text + 1, size=num_records)) + np.arange(num_records) * RECORD
        return self._row(lots, places, self.text[start : start + num_text], length)

    def _row(
        self, lots: np.random.Generator, places: npt.NDArray[np.int64], text: Int32Array, length: int
    ) -> Row:
        n = self.num_keys
        of_schedule = schedule(lots, len(places), n)
        keys = lots.permutation(n)[of_schedule]
        values = lots.integers(n, size=n)[keys]
        tokens = np.full(int(max(places[-1] + RECORD, length + 1)), -1, np.int32)
        tokens[places] = self.text_vocab + keys
        tokens[places + 1] = self.text_vocab + n + values
        tokens[places + 2] = self.text_vocab + 2 * n + keys
        is_text = tokens < 0
        tokens[is_text] = text
        distances = np.zeros(len(tokens), np.int32)
        last: dict[int, int] = {}
        for place, key in zip(places.tolist(), keys.tolist(), strict=True):
            if key in last:
                distances[place + 1] = place - last[key]
            last[key] = place
        targets = slice(1, length + 1)
        return Row(tokens[: length + 1], distances[targets] > 0, distances[targets], is_text[targets])


@dataclass(frozen=True, kw_only=True)
class RecordRows:
    """Training rows in one order, a stream and a text in turn.

    Attributes:
        tokens: a `.npy` file of the text's tokens.
        text_vocab: how many ids text may have.
        num_keys: see `RowMaker`.
        batch_tokens: positions of a batch.
        length: of the longest rows.
        num_batches: of the run.
        seed: of all lots.
    """

    tokens: Path
    text_vocab: int
    num_keys: int
    batch_tokens: int
    length: int
    num_batches: int
    seed: int

    def batch(self, step: int) -> TokenBatch:
        """The batch of a step."""
        length = next(
            (length for until, length in PHASES if step < until * self.num_batches and length < self.length),
            self.length,
        )
        lots = RandomStreams(self.seed).generator("rows", step)
        rows = [
            self.maker.needles(lots, length) if row % 2 else self.maker.stream(lots, length)
            for row in range(self.batch_tokens // length)
        ]
        tokens = np.stack([row.tokens for row in rows])
        return TokenBatch(tokens[:, :-1], tokens[:, 1:], np.stack([self._weights(row) for row in rows]))

    @cached_property
    def maker(self) -> RowMaker:
        """Makes the rows."""
        return RowMaker(text=np.load(self.tokens), text_vocab=self.text_vocab, num_keys=self.num_keys)

    @property
    def fingerprint(self) -> str:
        """Of the text and of everything that decides the rows."""
        digest = hashlib.blake2b(self.maker.text.tobytes(), digest_size=16).hexdigest()
        sizes = (self.text_vocab, self.num_keys, self.batch_tokens, self.length, self.num_batches, self.seed)
        return f"{digest}-{sizes}-{PHASES}-{CLOSING_WEIGHT}-{TEXT_WEIGHT}"

    def _weights(self, row: Row) -> npt.NDArray[np.float32]:
        closes = row.tokens[1:] >= self.text_vocab + 2 * self.num_keys
        weights = row.answers_T + CLOSING_WEIGHT * closes + TEXT_WEIGHT * row.text_T
        return weights.astype(np.float32)
