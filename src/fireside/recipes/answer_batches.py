"""Prompts and their answers as batches in which only the answers are learnt.

Examples are packed into rows, several in one where they are short; attention stays inside an example. The
order of rows is another one in every pass, and a pure function of the seed.

Shape legend: N rows, B rows of a batch, T positions.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.core.protocols import TokenBatch
from fireside.core.seeding import RandomStreams
from fireside.lm.tokenizer import Tokenizer

__all__ = ["AnswerBatches", "Example", "read_examples"]

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and its answer as tokens; the answer ends with the token that ends texts."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


def read_examples(path: str | os.PathLike[str], tokenizer: Tokenizer) -> list[Example]:
    """Examples of a JSON Lines file: `{"prompt": "...", "answer": "..."}`, one a line.

    Raises:
        InputError: the file cannot be read, or a line is no such example; the message names the line.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"cannot read the examples in {path} ({error})") from error
    examples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise InputError(f"{path}, line {number} is no JSON object: {error}") from error
        prompt, answer = said.get("prompt"), said.get("answer")
        if not (isinstance(prompt, str) and isinstance(answer, str) and prompt and answer):
            raise InputError(f'{path}, line {number}: an example is {{"prompt": "...", "answer": "..."}}')
        ending = (*tokenizer.encode(answer), tokenizer.eos_id)
        examples.append(Example(tuple(tokenizer.encode(prompt)), ending))
    if not examples:
        raise InputError(f"{path} has no examples")
    return examples


class AnswerBatches:
    """Examples in memory as a `BatchSource` that never ends.

    Args:
        examples: at least one.
        batch_size: rows of a batch.
        sequence_length: tokens of a row.
        seed: of the orders.

    Raises:
        InputError: an example is longer than a row; the message gives its number.

    >>> short, long = Example((1, 2), (3, 0)), Example((4, 5, 6), (7, 0))
    >>> batch = AnswerBatches([short, long], batch_size=1, sequence_length=8, seed=0).batch(0)
    >>> batch.inputs_BT.tolist(), batch.targets_BT.tolist()
    ([[4, 5, 6, 7, 1, 2, 3, 0]], [[5, 6, 7, 0, 2, 3, 0, 0]])
    >>> batch.weights_BT.astype(int).tolist(), batch.segments_BT.tolist()
    ([[0, 0, 1, 1, 0, 1, 1, 0]], [[0, 0, 0, 0, 1, 1, 1, 2]])
    """

    num_batches: int | None = None

    def __init__(
        self, examples: Sequence[Example], *, batch_size: int, sequence_length: int, seed: int
    ) -> None:
        self._batch_size, self._seed = batch_size, seed
        self._rows = [
            _row([examples[n] for n in members], sequence_length)
            for members in _packed(examples, sequence_length)
        ]

    def batch(self, step: int) -> TokenBatch:
        """The batch of a step."""
        places = range(step * self._batch_size, (step + 1) * self._batch_size)
        rows = [self._rows[self._row_at(place)] for place in places]
        inputs, targets, weights, segments = (np.stack(part) for part in zip(*rows, strict=True))
        return TokenBatch(inputs, targets, weights.astype(np.float32), segments)

    @property
    def fingerprint(self) -> str:
        """Of the rows and their order."""
        digest = hashlib.blake2b(digest_size=16)
        for row in self._rows:
            digest.update(row.tobytes())
        return f"{digest.hexdigest()}-{self._rows[0].shape}-{self._batch_size}-{self._seed}"

    def _row_at(self, place: int) -> int:
        around, within = divmod(place, len(self._rows))
        return int(RandomStreams(self._seed).generator("rows", around).permutation(len(self._rows))[within])


def _packed(examples: Sequence[Example], sequence_length: int) -> list[list[int]]:
    """Which examples share a row: the longest first, each into the first row that has room."""
    lengths = [len(example.prompt) + len(example.answer) - 1 for example in examples]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    if lengths[longest] > sequence_length:
        raise InputError(
            f"example {longest} has {lengths[longest]} tokens to read, a row {sequence_length}: shorten it, "
            "or raise sequence_length"
        )
    rows: list[list[int]] = []
    room: list[int] = []
    for n in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        for place, left in enumerate(room):
            if lengths[n] <= left:
                rows[place].append(n)
                room[place] -= lengths[n]
                break
        else:
            rows.append([n])
            room.append(sequence_length - lengths[n])
    return rows


def _row(examples: Sequence[Example], sequence_length: int) -> Int32Array:
    """Inputs, targets, weights and segments of one row, int32[4, T]; what is left over is padding."""
    row = np.zeros((4, sequence_length), np.int32)
    start = 0
    for segment, example in enumerate(examples):
        tokens = np.array((*example.prompt, *example.answer), np.int32)
        end = start + len(tokens) - 1
        row[0, start:end], row[1, start:end] = tokens[:-1], tokens[1:]
        row[2, start + len(example.prompt) - 1 : end] = 1
        row[3, start:end] = segment
        start = end
    row[3, start:] = len(examples)
    return row
