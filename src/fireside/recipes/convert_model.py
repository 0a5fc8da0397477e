"""A trained model is given another layer map, healed on text, and measured before, between and after.

    model + layer map -> surgery (calibrated on text) -> healing (taught by the model itself) -> model

Shape legend: N rows, B rows of a batch, T positions.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fireside.core.config import config, to_dict
from fireside.core.errors import ConfigError, InputError
from fireside.core.protocols import TokenBatch
from fireside.core.seeding import RandomStreams
from fireside.lm.convert.healing import HealingConfig, heal
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.convert.surgery import Initialization, change_layer_map
from fireside.lm.engine.planner import KVPlan
from fireside.lm.evaluate.perplexity import held_out_loss
from fireside.lm.layer_map import LayerMap
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.model_files import load_model
from fireside.recipes.text_batches import text_batches

__all__ = ["ConversionConfig", "TokenRows", "convert_model", "read_texts", "token_rows"]

Int32Array = npt.NDArray[np.int32]

# A checkpoint holds the whole model: rare enough to cost little, often enough to lose little.
_CHECKPOINT_EVERY = 100


@config
class ConversionConfig:
    """A conversion.

    Attributes:
        layer_map: the name of a preset, or a map in the paper's notation.
        window: of the sliding layers.
        initialization: what shared keys and values are made of, see `change_layer_map`; `None`: least
            squares where there is text.
        heal_steps: optimizer steps of healing; 0 leaves it out.
        learning_rate: of healing, at its peak.
        batch_size: sequences in a step of healing.
        sequence_length: tokens in a sequence.
        calibration_rows: sequences that least squares is fitted on.
        held_out_every: one row of text in so many is only measured on.
        held_out_rows: the most rows to measure on.
        seed: of the order of the text.
    """

    layer_map: str
    window: int = 1024
    initialization: Initialization | None = None
    heal_steps: int = 0
    learning_rate: float = 1e-4
    batch_size: int = 8
    sequence_length: int = 512
    calibration_rows: int = 64
    held_out_every: int = 20
    held_out_rows: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.heal_steps < 0:
            raise ConfigError(f"heal_steps must be at least 0, got {self.heal_steps}")
        for name in ("batch_size", "sequence_length", "calibration_rows", "held_out_rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.held_out_every < 2:
            raise ConfigError(f"held_out_every must be at least 2, got {self.held_out_every}")


class TokenRows:
    """Rows of tokens in memory as a `BatchSource`: every pass in a random order of its own.

    Args:
        rows: int32[N, T + 1].
        batch_size: rows of a batch.
        seed: of the orders.

    >>> source = TokenRows(np.arange(12, dtype=np.int32).reshape(4, 3), batch_size=2, seed=0)
    >>> passed = np.concatenate([source.batch(step).inputs_BT for step in (0, 1)])
    >>> sorted(passed[:, 0].tolist()), source.batch(0).targets_BT.shape
    ([0, 3, 6, 9], (2, 2))
    """

    num_batches: int | None = None

    def __init__(self, rows: Int32Array, *, batch_size: int, seed: int) -> None:
        self._rows, self._batch_size, self._seed = rows, batch_size, seed

    def batch(self, step: int) -> TokenBatch:
        """The batch of a step."""
        places = range(step * self._batch_size, (step + 1) * self._batch_size)
        return rows_batch(self._rows[[self._row(place) for place in places]])

    @property
    def fingerprint(self) -> str:
        """Of the tokens, their shape and their order."""
        digest = hashlib.blake2b(self._rows.tobytes(), digest_size=16).hexdigest()
        return f"{digest}-{self._rows.shape}-{self._batch_size}-{self._seed}"

    def _row(self, place: int) -> int:
        around, within = divmod(place, len(self._rows))
        return int(RandomStreams(self._seed).generator("rows", around).permutation(len(self._rows))[within])


def convert_model(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: ConversionConfig,
    texts: Sequence[str] = (),
) -> dict[str, Any]:
    """Convert, heal, measure and write a model; JSON-ready results.

    Args:
        source: a model directory in Hugging Face's format, a GGUF file, or a training checkpoint.
        out: takes the new model; the run of healing lies beside it in `<out>.healing`, and one that was
            interrupted goes on.
        settings: the conversion.
        texts: to calibrate with, to heal on and to measure on.

    Returns:
        `kv_bytes` and `kv_bytes_before` of a sequence that fills the context, and with text `loss_before`,
        `loss_after_surgery` and `loss_after_healing` on what was held out, in nats per token.

    Raises:
        ConfigError: a map that the model cannot take.
        InputError: too little text, or a model that cannot be read.
    """
    out = Path(out)
    model, tokenizer = load_model(Path(source))
    layers = LayerMap.read(settings.layer_map, model.config.num_layers, settings.window)
    results: dict[str, Any] = {
        "settings": to_dict(settings),
        "layer_map": str(layers),
        "kv_bytes_before": plan_of(model, model.layer_map).sequence_bytes(model.config.context_length),
        "kv_bytes": plan_of(model, layers).sequence_bytes(model.config.context_length),
    }
    if not texts:
        if settings.heal_steps or settings.initialization == "least-squares":
            raise InputError(
                "there is no text: least squares and healing need some; give text, or initialise with "
                "'owner' or 'mean' and do not heal"
            )
        converted = change_layer_map(model, layers, initialization=settings.initialization)
    else:
        rows = token_rows(tokenizer, texts, settings.sequence_length)
        training, held_out = split_rows(rows, settings)
        results["loss_before"] = loss_of(model, held_out)
        converted = change_layer_map(
            model,
            layers,
            initialization=settings.initialization,
            tokens=[
                torch.from_numpy(row[None, :-1].astype(np.int64))
                for row in training[: settings.calibration_rows]
            ],
        )
        results["loss_after_surgery"] = loss_of(converted, held_out)
        if settings.heal_steps:
            heal(
                converted,
                model,
                TokenRows(training, batch_size=settings.batch_size, seed=settings.seed),
                HealingConfig(
                    num_steps=settings.heal_steps,
                    learning_rate=settings.learning_rate,
                    checkpoint_every=_CHECKPOINT_EVERY,
                ),
                out.with_name(f"{out.name}.healing"),
            )
            results["loss_after_healing"] = loss_of(converted, held_out)
    save_hugging_face(out, converted, tokenizer)
    return results


def read_texts(source: Any, *, column: str = "text") -> list[str]:
    """All texts of a folder, file or frame.

    Raises:
        InputError: it cannot be read.
    """
    return [
        text
        for batch in text_batches(source, column=column, name=str(source))
        for text in batch.to_pylist()
        if text
    ]


def token_rows(tokenizer: Tokenizer, texts: Sequence[str], sequence_length: int) -> Int32Array:
    """Texts, each with an end token, joined and cut into rows: int32[N, T + 1]; the rest is left out.

    Raises:
        InputError: less than two rows.
    """
    tokens = np.concatenate(
        [np.array([*ids, tokenizer.eos_id], dtype=np.int32) for ids in tokenizer.encode_batch(list(texts))]
    )
    width = sequence_length + 1
    if len(tokens) < 2 * width:
        raise InputError(
            f"the text has {len(tokens)} tokens, at least {2 * width} are needed for sequences of "
            f"{sequence_length}: give more text or a smaller sequence_length"
        )
    return tokens[: len(tokens) // width * width].reshape(-1, width)


def split_rows(rows: Int32Array, settings: ConversionConfig) -> tuple[Int32Array, Int32Array]:
    """Rows to train on, and rows to measure on, spread over the text."""
    held_out = np.arange(len(rows)) % settings.held_out_every == settings.held_out_every - 1
    if not held_out.any():
        held_out[-1] = True
    measured = rows[held_out]
    spread = np.linspace(0, len(measured) - 1, min(settings.held_out_rows, len(measured))).astype(np.int64)
    return rows[~held_out], measured[spread]


def rows_batch(rows: Int32Array) -> TokenBatch:
    """Rows as a batch in which every token counts."""
    return TokenBatch(rows[:, :-1], rows[:, 1:], np.ones(rows[:, 1:].shape, np.float32))


def loss_of(model: Transformer, rows: Int32Array) -> float:
    """Nats per token."""
    return held_out_loss(model, [rows_batch(row[None]) for row in rows]).loss


def plan_of(model: Transformer, layers: LayerMap) -> KVPlan:
    """The memory for keys and values of a model with a layer map."""
    shape = model.config
    return KVPlan(layers=layers, num_kv_heads=shape.num_kv_heads, head_dim=shape.head_dim)
