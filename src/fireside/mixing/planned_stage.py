"""`PlannedStage`: a stage with its weights worked out, and its pieces of constant weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fireside.core.errors import ConfigError
from fireside.mixing.domain_size import DomainSize, num_sequences
from fireside.mixing.interleave import Piece
from fireside.mixing.ramp import ramp_counts
from fireside.mixing.schedule import Schedule, check_domain_names
from fireside.mixing.shares import stage_weights
from fireside.mixing.weight_tree import weight_tree

__all__ = ["PlannedStage", "planned_stages"]


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A stage with its weights worked out.

    Attributes:
        name: the stage's name.
        start: its first sequence.
        stop: the sequence after its last.
        length: the sequences over which the weights move from `weights` to `end_weights`; more than
            `stop - start` where a branch cuts the stage short.
        weights: integer weight of each domain at the start.
        end_weights: the same at the end; equal to `weights` where they are constant.
    """

    name: str
    start: int
    stop: int
    length: int
    weights: tuple[int, ...]
    end_weights: tuple[int, ...]

    def pieces(self) -> list[Piece]:
        """The stage as runs of constant weights."""
        # One tree for all pieces: how the slots fall should not jump between them.
        tree = weight_tree([a + b for a, b in zip(self.weights, self.end_weights, strict=True)])
        left = self.stop - self.start
        if self.weights == self.end_weights:
            return [Piece(length=left, weights=self.weights, tree=tree)]
        pieces: list[Piece] = []
        for counts in ramp_counts(self.weights, self.end_weights, self.length):
            length = min(sum(counts), left)
            if length == 0:
                break
            pieces.append(Piece(length=length, weights=tuple(counts), tree=tree))
            left -= length
        return pieces


def planned_stages(schedule: Schedule, domains: Sequence[DomainSize]) -> list[PlannedStage]:
    """All stages of a schedule, over domains of known size.

    Raises:
        ConfigError: a stage names an unknown domain, a domain is too small, or amounts do not fill a stage.
    """
    for stage in schedule.stages:
        check_domain_names(f"stage {stage.name!r}", stage.domains, [domain.name for domain in domains])
    sizes = {domain.name: num_sequences(domain.num_tokens, schedule.sequence_length) for domain in domains}
    _check_sizes(schedule, domains)
    planned = []
    cuts = [*schedule.starts, schedule.num_sequences]
    for stage, (start, stop) in zip(schedule.stages, pairwise(cuts), strict=True):
        weights, end_weights = stage_weights(
            stage, sequences=stop - start, sequence_length=schedule.sequence_length, sizes=sizes
        )
        planned.append(
            PlannedStage(
                name=stage.name,
                start=start,
                stop=stop,
                length=stop - start,
                weights=weights,
                end_weights=end_weights,
            )
        )
    return planned


def _check_sizes(schedule: Schedule, domains: Sequence[DomainSize]) -> None:
    used = {name for stage in schedule.stages for name in stage.domains}
    for domain in domains:
        if domain.name not in used:
            continue
        if domain.num_tokens == 0:
            raise ConfigError(f"domain {domain.name!r} is empty: give it documents or leave it out")
        if num_sequences(domain.num_tokens, schedule.sequence_length) == 0:
            raise ConfigError(
                f"domain {domain.name!r} has {domain.num_tokens} tokens, less than the "
                f"{schedule.sequence_length + 1} that one sequence reads: give it more documents, or shorten "
                "sequence_length"
            )
