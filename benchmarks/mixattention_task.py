"""`RecordTask`: records and text to train on; recall by distance and the loss on text to measure by.

Shape legend: N rows, B rows of a batch, T positions.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fireside.core.seeding import RandomStreams
from fireside.lm.losses import token_logprobs
from fireside.lm.transformer import Transformer
from mixattention_records import RecordRows, RowMaker

__all__ = ["BINS", "GROUPS", "RecordTask"]

BINS = {
    "3-11": (3, 11),
    "12-23": (12, 23),
    "24-48": (24, 48),
    "49-96": (49, 96),
    "97-160": (97, 160),
    "161-255": (161, 255),
}
"""Tokens back to the value's last occurrence."""
GROUPS = {"within": (3, 11), "near": (12, 48), "far": (49, 255)}
"""Within one window of twelve, within four windows, and beyond."""
MEASURED_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class RecordTask:
    """What the models of the experiment are trained on and measured with.

    Attributes:
        training: a `.npy` file of tokens of text.
        held_out: another, to measure on.
        text_vocab: how many ids text may have.
        num_keys: see `RowMaker`.
        batch_tokens: positions of a batch.
        length: of the longest rows, and of those that are measured.
        num_batches: of a run.
        measured_rows: so many of records alone, and so many of records in text.
    """

    training: Path
    held_out: Path
    text_vocab: int
    num_keys: int
    batch_tokens: int
    length: int
    num_batches: int
    measured_rows: int

    @property
    def fingerprint(self) -> str:
        """Of the training rows and of what is measured on."""
        digest = hashlib.blake2b(self.held_out.read_bytes(), digest_size=16).hexdigest()
        return f"{self.source(0).fingerprint}-{digest}-{self.measured_rows}"

    def source(self, seed: int) -> RecordRows:
        """The training rows of a seed."""
        return RecordRows(
            tokens=self.training,
            text_vocab=self.text_vocab,
            num_keys=self.num_keys,
            batch_tokens=self.batch_tokens,
            length=self.length,
            num_batches=self.num_batches,
            seed=seed,
        )

    @torch.no_grad()
    def measure(self, model: Transformer) -> dict[str, float]:
        """Recall (the likeliest value is the right one) by kind of row and distance, and the text's loss.

        All models are asked for the same rows.
        """
        maker = RowMaker(text=np.load(self.held_out), text_vocab=self.text_vocab, num_keys=self.num_keys)
        lots = RandomStreams(0).generator("measured")
        scores = {}
        for kind, make in (("records", maker.stream), ("needles", maker.needles)):
            rows = [make(lots, self.length) for _ in range(self.measured_rows)]
            tokens_NT = np.stack([row.tokens for row in rows]).astype(np.int64)
            right, surprise = [], []
            for start in range(0, len(rows), MEASURED_AT_ONCE):
                tokens_BT = torch.from_numpy(tokens_NT[start : start + MEASURED_AT_ONCE])
                hidden_BTD = model(tokens_BT[:, :-1])
                first = self.text_vocab + self.num_keys
                values_BTV = hidden_BTD @ model.output_weight[first : first + self.num_keys].T
                right.append((values_BTV.argmax(-1) + first == tokens_BT[:, 1:]).numpy())
                surprise.append(
                    -token_logprobs(hidden_BTD.flatten(0, 1), model.output_weight, tokens_BT[:, 1:].flatten())
                    .view(len(tokens_BT), -1)
                    .numpy()
                )
            right_NT = np.concatenate(right)
            distances_NT = np.stack([row.distances_T for row in rows])
            for name, (least, most) in {**BINS, **GROUPS}.items():
                asked_NT = (distances_NT >= least) & (distances_NT <= most)
                scores[f"{kind}/{name}"] = float(right_NT[asked_NT].mean())
            if kind == "needles":
                text_NT = np.stack([row.text_T for row in rows])
                scores["text_loss"] = float(np.concatenate(surprise)[text_NT].mean(dtype=np.float64))
        return scores
