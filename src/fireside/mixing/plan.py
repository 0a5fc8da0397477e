"""`Plan`: a schedule worked out to the sample, before anything is read.

    make_plan(schedule, sizes)   weights -> pieces -> counts; refuses what does not fit, with numbers
    plan.branch(stages)          another end from any sequence on, with the same beginning to the bit
    plan.reordered(i, number)    the same end in another order

A plan knows for each stage how many sequences, tokens and epochs it takes of each domain, exactly: the
counts come from the same functions that later find each sample. Knows how large domains are, and nothing
about where they lie.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fireside.core.errors import ConfigError
from fireside.mixing.domain_size import DomainSize, num_sequences
from fireside.mixing.interleave import MAX_SLOTS, Interleaving
from fireside.mixing.planned_stage import PlannedStage, planned_stages
from fireside.mixing.schedule import Schedule
from fireside.mixing.shares import exact
from fireside.mixing.stage import Stage

__all__ = ["DomainSize", "Order", "Plan", "PlanRow", "fingerprint_of", "make_plan"]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What one stage takes of one domain.

    Attributes:
        stage: the stage's name.
        domain: the domain's name.
        sequences: how many.
        tokens: the same in tokens.
        share: of the stage's tokens, as realised.
        epochs: how often the stage reads the domain.
        epochs_so_far: how often it has been read when the stage ends.
    """

    stage: str
    domain: str
    sequences: int
    tokens: int
    share: float
    epochs: float
    epochs_so_far: float


@dataclass(frozen=True, slots=True)
class Order:
    """An order of its own, from one sequence on.

    Attributes:
        start: the first sequence of it.
        number: which of all the orders it is; equal numbers give equal orders.
    """

    start: int
    number: int


@dataclass(frozen=True)
class Plan:
    """The stages of a run, worked out over domains of known size.

    Attributes:
        schedule: what was asked for. Of a branch: what its base asked for.
        domains: the domains, in the order of the weights; their numbers in a batch.
        stages: one after another, without gaps.
        orders: where branches asked for an order of their own, oldest first.
    """

    schedule: Schedule
    domains: tuple[DomainSize, ...]
    stages: tuple[PlannedStage, ...]
    orders: tuple[Order, ...] = ()

    @property
    def sequence_length(self) -> int:
        """T, the predicted tokens of a sequence."""
        return self.schedule.sequence_length

    @property
    def num_sequences(self) -> int:
        """How many sequences the run has."""
        return self.stages[-1].stop

    @cached_property
    def interleaving(self) -> Interleaving:
        """The order of the domains."""
        return Interleaving([piece for stage in self.stages for piece in stage.pieces()])

    def counts_at(self, sequence: int) -> dict[str, int]:
        """How many sequences of each domain lie before a sequence."""
        counts = self.interleaving.counts(sequence)
        return {domain.name: count for domain, count in zip(self.domains, counts, strict=True)}

    def rows(self) -> Iterator[PlanRow]:
        """What each stage takes of each domain it uses, in order."""
        for stage in self.stages:
            before, after = self.counts_at(stage.start), self.counts_at(stage.stop)
            for domain in self.domains:
                sequences = after[domain.name] - before[domain.name]
                if sequences == 0:
                    continue
                held = num_sequences(domain.num_tokens, self.sequence_length)
                yield PlanRow(
                    stage=stage.name,
                    domain=domain.name,
                    sequences=sequences,
                    tokens=sequences * self.sequence_length,
                    share=sequences / (stage.stop - stage.start),
                    epochs=sequences / held,
                    epochs_so_far=after[domain.name] / held,
                )

    def branch(self, stages: Sequence[Stage]) -> "Plan":
        """The same run up to the start of the first stage given, and these stages from there.

        Every sample before the branch point stays where it is. The run keeps its length.

        Args:
            stages: one after another; the first says where the branch leaves.

        Raises:
            ConfigError: the branch leaves at 0 or past the end, or does not fit (see `make_plan`).
        """
        if not stages:
            raise ConfigError("a branch needs at least one stage")
        point = self.schedule.sequence_at(stages[0].start)
        if not 0 < point < self.num_sequences:
            raise ConfigError(
                f"branch {stages[0].name!r} leaves at sequence {point}: the run has {self.num_sequences}, "
                "choose one after its first"
            )
        # A schedule that is all lead up to the branch checks names, order and lengths of what follows.
        lead = Stage(name="before the branch", shares={self.domains[0].name: 1.0})
        after = replace(self.schedule, stages=(lead, *stages), max_epochs_of={})
        kept = [replace(stage, stop=min(stage.stop, point)) for stage in self.stages if stage.start < point]
        new = planned_stages(after, self.domains)[1:]
        orders = tuple(order for order in self.orders if order.start <= point)
        branched = replace(self, stages=(*kept, *new), orders=orders)
        _check_caps(branched)
        return branched

    def reordered(self, sequence: int, number: int) -> "Plan":
        """The same run, whose samples from a sequence on come in an order of their own.

        Which domain comes when stays; what is left of each domain is read in another order, and still once in
        each epoch. So runs with different numbers differ by chance alone.

        Raises:
            ConfigError: there is no such sequence.
        """
        if not 0 <= sequence < self.num_sequences:
            raise ConfigError(f"no order can begin at sequence {sequence} of {self.num_sequences}")
        orders = [order for order in self.orders if order.start < sequence]
        return replace(self, orders=(*orders, Order(start=sequence, number=number)))

    def describe(self, until: int | None = None) -> dict[str, str]:
        """Everything that decides which tokens a sample holds, in words.

        Two plans with one description have one order; with one description up to a sequence, the same
        beginning.

        Args:
            until: leave out what only concerns this sequence and those after it.
        """
        end = self.num_sequences if until is None else until
        lines = {"sequence length": str(self.sequence_length), "seed": str(self.schedule.seed)}
        for domain in self.domains:
            lines[f"domain {domain.name}"] = f"{domain.num_tokens} tokens, checksum {domain.fingerprint}"
        for number, stage in enumerate(stage for stage in self.stages if stage.start < end):
            words = f"sequences {stage.start} to {min(stage.stop, end)}: {self._in_words(stage.weights)}"
            if stage.weights != stage.end_weights:
                words += f", moving to {self._in_words(stage.end_weights)} over {stage.length}"
            lines[f"stage {number}"] = words
        for order in self.orders:
            if order.start < end:
                lines[f"order from sequence {order.start}"] = str(order.number)
        return lines

    def _in_words(self, weights: tuple[int, ...]) -> str:
        named = zip(self.domains, weights, strict=True)
        return ", ".join(f"{domain.name} {weight}" for domain, weight in named if weight)


def make_plan(schedule: Schedule, domains: Sequence[DomainSize]) -> Plan:
    """Work out a schedule.

    Args:
        schedule: what is asked for.
        domains: all domains of the run; the order only numbers them.

    Raises:
        ConfigError: a stage names an unknown domain; a domain is empty or smaller than one sequence; amounts
            do not fill a stage; a domain would be read more often than its cap. Messages have the numbers.

    >>> stages = (Stage(name="all", shares={"web": 0.75, "books": 0.25}),)
    >>> schedule = Schedule(tokens=80, sequence_length=10, stages=stages)
    >>> sizes = [DomainSize(name="web", num_tokens=1000), DomainSize(name="books", num_tokens=31)]
    >>> [(row.domain, row.sequences, round(row.epochs, 2)) for row in make_plan(schedule, sizes).rows()]
    [('web', 6, 0.06), ('books', 2, 0.67)]
    """
    names = [domain.name for domain in domains]
    if len(set(names)) < len(names):
        raise ConfigError(f"two domains have one name: {', '.join(names)}")
    if schedule.num_sequences > MAX_SLOTS:
        raise ConfigError(f"a run has at most {MAX_SLOTS} sequences, this one {schedule.num_sequences}")
    plan = Plan(schedule=schedule, domains=tuple(domains), stages=tuple(planned_stages(schedule, domains)))
    _check_caps(plan)
    return plan


def fingerprint_of(description: dict[str, str]) -> str:
    """A digest of a description such as `Plan.describe` gives."""
    text = "\n".join(f"{name}: {value}" for name, value in description.items())
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _check_caps(plan: Plan) -> None:
    """Raise where a domain would be read too often, naming all such domains."""
    problems = []
    total = plan.counts_at(plan.num_sequences)
    for domain in plan.domains:
        held = num_sequences(domain.num_tokens, plan.sequence_length)
        cap = plan.schedule.cap(domain.name)
        wanted = total[domain.name]
        allowed = wanted if cap == math.inf else exact(cap) * held
        if wanted > allowed:
            tokens = plan.sequence_length
            problems.append(
                f"domain {domain.name!r} would be read {wanted / held:.2f} times ({wanted * tokens} tokens; "
                f"it holds {held * tokens}), its cap is {cap:g}: take {(wanted - int(allowed)) * tokens} "
                "tokens fewer, raise max_epochs, or add documents"
            )
    if problems:
        raise ConfigError("; ".join(problems))
