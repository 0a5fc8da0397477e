"""Domain upsampling in one call: texts in, two loaders out that part at the branch point.

The base run keeps its mix to the end; the upsampled run changes it for the last part of training (Blakeney
et al., "Does your data spark joy?", arXiv 2406.03476). Both give the same batches before that, to the bit, so
that one model trained up to `branch_step` serves both.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import compress, cycle
from pathlib import Path

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.mixing.build import BuildSettings, Encode, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.domain_size import num_sequences
from fireside.mixing.loader import LoaderConfig, MixtureLoader
from fireside.mixing.plan import make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

__all__ = ["Upsampling", "UpsamplingConfig", "evaluation_loader", "prepare_upsampling"]


@config
class UpsamplingConfig:
    """Two runs that differ in their last part.

    Attributes:
        base_shares: domain -> share of the tokens before the branch, and of the base run after it too.
        upsampled_shares: domain -> share of the upsampled run's tokens after the branch.
        sequence_length: T, predicted tokens in a sequence.
        batch_size: sequences in a batch.
        num_steps: batches in each run.
        branch_at: the part of the run that both share.
        held_out_every: one text in so many is kept for evaluation and never trained on.
        max_epochs: how often a domain may be read in a run.
        mask_documents: attention and loss stay inside documents.
        seed: of the order.
    """

    base_shares: dict[str, float]
    upsampled_shares: dict[str, float]
    sequence_length: int
    batch_size: int
    num_steps: int
    branch_at: float = 0.8
    held_out_every: int = 20
    max_epochs: float = 4.0
    mask_documents: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.branch_step < self.num_steps:
            raise ConfigError(
                f"branch_at {self.branch_at} of {self.num_steps} steps leaves one part empty: give a "
                "fraction between 0 and 1, or more steps"
            )
        if self.held_out_every < 2:
            raise ConfigError(f"held_out_every must be at least 2, got {self.held_out_every}")

    @property
    def branch_step(self) -> int:
        """The first step at which the runs differ."""
        return round(self.branch_at * self.num_steps)


@dataclass(frozen=True, slots=True)
class Upsampling:
    """Everything that the two runs and their comparison read.

    Attributes:
        branch_step: batches before it are the same in both runs.
        base: the run that keeps its mix.
        upsampled: the run that changes it.
        held_out: domain -> batches of texts that neither run sees, one pass over them.
    """

    branch_step: int
    base: MixtureLoader
    upsampled: MixtureLoader
    held_out: dict[str, MixtureLoader]


def prepare_upsampling(
    directory: str | os.PathLike[str],
    texts: Mapping[str, Iterable[str]],
    encode: Encode,
    settings: BuildSettings,
    config: UpsamplingConfig,
) -> Upsampling:
    """Tokenise domains and plan both runs.

    Args:
        directory: where the domains are written, and found again by the next call.
        texts: domain -> its texts, in an order that is the same every time; each is read twice.
        encode: text -> token ids.
        settings: how tokens are written.
        config: the two runs.

    Raises:
        ConfigError: a run does not fit its domains; the message has the numbers.
        InputError: a domain, or what is held out of it, is empty.
        ResumeError: `directory` holds domains of other texts.
    """
    directory = Path(directory)
    domains, held_out = [], {}
    for name, documents in texts.items():
        training = _part(documents, config.held_out_every, held_out=False)
        evaluation = _part(documents, config.held_out_every, held_out=True)
        domains.append(build_domain(directory / "train" / name, training, encode, settings, name=name))
        kept = build_domain(directory / "held-out" / name, evaluation, encode, settings, name=name)
        held_out[name] = evaluation_loader(
            kept, config.sequence_length, config.batch_size, mask_documents=config.mask_documents
        )
    schedule = Schedule(
        tokens=config.num_steps * config.batch_size * config.sequence_length,
        sequence_length=config.sequence_length,
        stages=(Stage(name="base", shares=config.base_shares),),
        seed=config.seed,
        max_epochs=config.max_epochs,
    )
    base = make_plan(schedule, [domain.size for domain in domains])
    branch_token = config.branch_step * config.batch_size * config.sequence_length
    upsampled = base.branch([Stage(name="upsampled", start=branch_token, shares=config.upsampled_shares)])
    loading = LoaderConfig(batch_size=config.batch_size, mask_documents=config.mask_documents)
    return Upsampling(
        branch_step=config.branch_step,
        base=MixtureLoader(base, domains, loading),
        upsampled=MixtureLoader(upsampled, domains, loading),
        held_out=held_out,
    )


def evaluation_loader(
    domain: Domain, sequence_length: int, batch_size: int, *, mask_documents: bool = False
) -> MixtureLoader:
    """One pass over a domain; batches are made smaller where it holds less than one.

    Raises:
        ConfigError: the domain is smaller than one sequence.
    """
    whole = num_sequences(domain.num_tokens, sequence_length)
    schedule = Schedule(
        tokens=max(1, whole) * sequence_length,
        sequence_length=sequence_length,
        stages=(Stage(name="evaluation", shares={domain.name: 1.0}),),
    )
    plan = make_plan(schedule, [domain.size])
    loading = LoaderConfig(batch_size=min(batch_size, whole), mask_documents=mask_documents)
    return MixtureLoader(plan, [domain], loading)


def _part(texts: Iterable[str], every: int, *, held_out: bool) -> Iterator[str]:
    """Every `every`-th text, or all others."""
    last = cycle([not held_out] * (every - 1) + [held_out])
    return compress(texts, last)
