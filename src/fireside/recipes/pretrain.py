"""A small MixAttention model from scratch, its run branched into a base and an upsampled mixture.

    texts -> tokenizer -> domains -> base mix to 80 % -> branch -> {base, upsampled} -> loss by domain

Both branches share every step before the branch, and the learning-rate schedule goes on in each as if there
had been but one.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.core.metrics import read_metrics
from fireside.core.protocols import BatchSource
from fireside.core.seeding import RandomStreams
from fireside.lm.config import ModelConfig
from fireside.lm.evaluate.perplexity import held_out_losses
from fireside.lm.layer_map import LayerMap
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.trainer import Trainer
from fireside.lm.training_checkpoint import branch
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.mixing.build import BuildSettings
from fireside.mixing.upsampling import Upsampling, UpsamplingConfig, prepare_upsampling
from fireside.recipes.held_out import spread_batches

__all__ = ["PretrainConfig", "held_out_every", "pretrain", "shares_that_fit"]

BRANCHES = ("base", "upsampled")
HELD_OUT_BATCHES = 16


@config
class PretrainConfig:
    """Sizes of the model and of its run.

    Attributes:
        num_steps: optimizer steps of a whole run.
        batch_size: sequences in a step.
        sequence_length: tokens in a sequence.
        window: of the sliding layers.
        num_layers: of the layer map `preset`.
        preset: the layer map's name.
        hidden_size: width; heads are 16 wide.
        vocab_size: of the byte-pair encoding trained on all domains.
        branch_at: the share of the run that both branches have in common.
        learning_rate: at its peak.
        base_shares: domain -> share of tokens in the base mix.
        upsampled_shares: domain -> share of tokens in the upsampled mix.
        max_epochs: how often a domain may be read in a run; about four are nearly as good as fresh data
            (Muennighoff et al. 2023).
        held_out_every: one text in so many measures the loss and is never trained on.
        seed: of the weights and of the order of the data.
    """

    num_steps: int
    base_shares: dict[str, float]
    upsampled_shares: dict[str, float]
    batch_size: int = 16
    sequence_length: int = 256
    window: int = 32
    num_layers: int = 12
    preset: str = "ma-pairs"
    hidden_size: int = 96
    vocab_size: int = 2048
    branch_at: float = 0.8
    learning_rate: float = 3e-3
    max_epochs: float = 4.0
    held_out_every: int = 20
    seed: int = 0


def pretrain(directory: Path, texts: Mapping[str, Sequence[str]], settings: PretrainConfig) -> dict[str, Any]:
    """Train, branch and compare; JSON-ready results.

    Args:
        directory: takes the tokenizer, the domains and both runs; an interrupted call goes on from there.
        texts: domain -> its texts, the same on every call.
        settings: sizes, shares, seed.
    """
    tokenizer = trained_tokenizer(directory / "tokenizer", texts, settings.vocab_size)
    runs = mixtures(directory / "domains", texts, tokenizer, settings)
    model_config = shape(settings, tokenizer.vocab_size)
    losses = {}
    for name, source in zip(BRANCHES, (runs.base, runs.upsampled), strict=True):
        model = train_branch(directory, name, source, runs.branch_step, model_config, settings)
        held_out = {
            domain: spread_batches(loader, HELD_OUT_BATCHES) for domain, loader in runs.held_out.items()
        }
        losses[name] = {domain: one.loss for domain, one in held_out_losses(model, held_out).items()}
    return summary(directory, runs, model_config, settings, losses)


def shares_that_fit(
    wanted: Mapping[str, float], characters: Mapping[str, int], *, tokens: int, epochs: float
) -> dict[str, float]:
    """Shares as near as can be to those wanted, where no small domain would be read too often.

    What a small domain cannot fill goes to the others in proportion.

    Args:
        wanted: domain -> share, summing to 1.
        characters: domain -> characters of text at hand.
        tokens: of the whole run.
        epochs: how often a domain may be read; taken with a margin, as a token has 2 to 4 characters.

    Raises:
        ConfigError: all domains together are too small for the run.

    >>> shares_that_fit({"a": 0.5, "b": 0.5}, {"a": 400, "b": 10**6}, tokens=1000, epochs=1)
    {'a': 0.1, 'b': 0.9}
    """
    limits = {domain: epochs * characters[domain] / 4 / tokens for domain in wanted}
    shares = dict(wanted)
    held: set[str] = set()
    while over := [domain for domain in shares if domain not in held and shares[domain] > limits[domain]]:
        held.update(over)
        room = 1.0 - sum(limits[domain] for domain in held)
        free = sum(wanted[domain] for domain in shares if domain not in held)
        if free <= 0 and room > 1e-9:
            total = sum(characters.values())
            raise ConfigError(
                f"{total} characters of text are too little for a run of {tokens} tokens: use fewer minutes"
            )
        shares = {
            domain: limits[domain] if domain in held else wanted[domain] / free * room for domain in shares
        }
    return shares


def held_out_every(characters: Mapping[str, int], sequence_length: int) -> int:
    """One text in how many to hold out, so that every domain has some sequences to be measured on.

    Args:
        characters: domain -> characters of text at hand.
        sequence_length: tokens in a sequence; a token has at most about five characters.

    Raises:
        ConfigError: a domain is too small to be both trained on and measured on.

    >>> held_out_every({"a": 10**6}, 256), held_out_every({"a": 10**6, "b": 18_000}, 256)
    (20, 7)
    """
    smallest = min(characters, key=lambda name: characters[name])
    every = characters[smallest] // (2 * 5 * sequence_length)
    if every < 2:
        raise ConfigError(
            f"{smallest} holds {characters[smallest]} characters, too few to train on and to measure with: "
            f"give at least {4 * 5 * sequence_length}"
        )
    return min(20, every)


def trained_tokenizer(directory: Path, texts: Mapping[str, Sequence[str]], vocab_size: int) -> Tokenizer:
    """A byte-pair encoding of all domains in equal parts; taken from `directory` where it is there."""
    if directory.is_dir():
        return Tokenizer.load(directory)
    samples = [spread_out(domain, characters=1_000_000) for domain in texts.values()]
    tokenizer = Tokenizer.train_bpe(itertools.chain.from_iterable(samples), vocab_size)
    tokenizer.save(directory)
    return tokenizer


def spread_out(texts: Sequence[str], *, characters: int) -> Sequence[str]:
    """About so many characters of texts, evenly spread over all of them."""
    every = max(1, round(sum(len(text) for text in texts) / characters))
    return texts[::every]


def mixtures(
    directory: Path, texts: Mapping[str, Sequence[str]], tokenizer: Tokenizer, settings: PretrainConfig
) -> Upsampling:
    """The domains, and both runs over them."""
    separator = tokenizer.eos_id
    return prepare_upsampling(
        directory,
        texts,
        tokenizer.encode,
        BuildSettings(vocab_size=tokenizer.vocab_size, separator=separator, tokenizer="demo-bpe"),
        UpsamplingConfig(
            base_shares=settings.base_shares,
            upsampled_shares=settings.upsampled_shares,
            sequence_length=settings.sequence_length,
            batch_size=settings.batch_size,
            num_steps=settings.num_steps,
            branch_at=settings.branch_at,
            held_out_every=settings.held_out_every,
            max_epochs=settings.max_epochs,
            seed=RandomStreams(settings.seed).integer("mixture"),
        ),
    )


def shape(settings: PretrainConfig, vocab_size: int) -> ModelConfig:
    """The model: heads 16 wide, three query heads to a K/V head, feed-forward twice the width."""
    heads = settings.hidden_size // 16
    layers = LayerMap.preset(settings.preset, settings.num_layers, settings.window)
    return ModelConfig(
        vocab_size=vocab_size,
        hidden_size=settings.hidden_size,
        intermediate_size=2 * settings.hidden_size,
        num_heads=heads,
        num_kv_heads=heads // 3,
        head_dim=16,
        layer_map=str(layers),
        window=settings.window,
        context_length=settings.sequence_length,
    )


def train_branch(
    directory: Path,
    name: str,
    source: BatchSource,
    branch_step: int,
    model_config: ModelConfig,
    settings: PretrainConfig,
) -> Transformer:
    """Train one run to its end; all but the base run begin at the base run's checkpoint."""
    training = TrainingConfig(
        num_steps=settings.num_steps,
        schedule=LearningRateSchedule(
            peak=settings.learning_rate,
            kind="stable-decay",
            warmup_steps=max(1, settings.num_steps // 20),
            decay_fraction=1 - settings.branch_at,
        ),
        checkpoint_every=branch_step,
    )
    if name != BRANCHES[0]:
        common = directory / BRANCHES[0] / "checkpoints" / f"step-{branch_step:08d}"
        branch(common, source, directory / name)
    model = Transformer(model_config, seed=RandomStreams(settings.seed).integer("weights"))
    Trainer(model, source, training, directory / name).run()
    return model


def summary(
    directory: Path,
    runs: Upsampling,
    model_config: ModelConfig,
    settings: PretrainConfig,
    losses: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """What the report says about the model and its mixtures."""
    step_tokens = settings.batch_size * settings.sequence_length
    return {
        "parameters": model_config.num_parameters,
        "layer_map": model_config.layer_map,
        "preset": settings.preset,
        "window": settings.window,
        "context_length": 32_768,
        "kv_share": kv_share(model_config, 32_768),
        "tokens": settings.num_steps * step_tokens,
        "steps": settings.num_steps,
        "branch_fraction": settings.branch_at,
        "branch_tokens": runs.branch_step * step_tokens,
        "domains": list(settings.base_shares),
        "domain_tokens": {size.name: size.num_tokens for size in runs.base.plan.domains},
        "base_weights": settings.base_shares,
        "upsampled_weights": settings.upsampled_shares,
        "losses": losses,
        "curves": {name: curve(directory / name / "metrics.jsonl") for name in BRANCHES},
    }


def kv_share(model_config: ModelConfig, tokens: int) -> float:
    """K/V bytes of this layer map over those of the standard map, for one sequence of `tokens`."""
    standard = LayerMap.preset("standard", model_config.num_layers)
    ours_bytes, standard_bytes = (
        layers.kv_bytes(
            tokens, num_kv_heads=model_config.num_kv_heads, head_dim=model_config.head_dim, element_bytes=4
        )
        for layers in (model_config.layers, standard)
    )
    return ours_bytes / standard_bytes


def curve(file: Path, points: int = 60) -> list[tuple[float, float]]:
    """(tokens, mean loss) over neighbouring steps."""
    lines = read_metrics(file)
    parts = np.array_split(np.arange(len(lines)), min(points, len(lines)))
    return [
        (
            float(lines[part[-1]]["train/tokens"]),
            float(np.mean([lines[i]["train/loss"] for i in part])),
        )
        for part in parts
    ]
