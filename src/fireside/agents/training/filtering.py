"""Which groups are worth learning from: those in which some rollouts pass and some do not.

A group that is all right or all wrong has advantage 0 everywhere. What is dropped is counted, because the
flow of pass rates from one iteration to the next tells whether questions grow too easy or stay too hard.
"""

from collections.abc import Sequence

import msgspec

from fireside.agents.types import TrajectoryGroup, training_sequences
from fireside.core.errors import InputError
from fireside.core.seeding import RandomStreams

__all__ = ["PassRateFlow", "balance_tasks", "filter_groups"]


class PassRateFlow(msgspec.Struct, frozen=True, kw_only=True):
    """How many groups there were, and what became of them.

    Attributes:
        all_wrong: no rollout passed; dropped.
        mixed: kept.
        all_right: every rollout passed; dropped.
        by_num_passed: groups by how many of their rollouts passed; position p counts those with p.
        failed_rollouts: rollouts that the tool or the sampler broke off; they are no evidence about the
            policy, and are taken out of their groups before anything is counted.
    """

    all_wrong: int
    mixed: int
    all_right: int
    by_num_passed: tuple[int, ...]
    failed_rollouts: int


def filter_groups(
    groups: Sequence[TrajectoryGroup], *, pass_score: float = 0.6
) -> tuple[list[TrajectoryGroup], PassRateFlow]:
    """Keep the groups with passes and failures.

    Args:
        groups: judged.
        pass_score: a rollout passes where its nugget score is at least this.

    Returns:
        The kept groups, in order and without rollouts that failed, and the flow.
    """
    if not 0 < pass_score <= 1:
        raise InputError(f"pass_score is {pass_score}: give a nugget score above 0 and at most 1")
    kept = []
    all_wrong = all_right = 0
    by_num_passed = [0] * (1 + max((len(group.trajectories) for group in groups), default=0))
    for group in map(_without_failures, groups):
        passed = int((group.scores_G >= pass_score).sum())
        by_num_passed[passed] += 1
        if passed == 0:
            all_wrong += 1
        elif passed == len(group.trajectories):
            all_right += 1
        else:
            kept.append(group)
    flow = PassRateFlow(
        all_wrong=all_wrong,
        mixed=len(kept),
        all_right=all_right,
        by_num_passed=tuple(by_num_passed),
        failed_rollouts=sum(t.failed for group in groups for t in group.trajectories),
    )
    return kept, flow


def _without_failures(group: TrajectoryGroup) -> TrajectoryGroup:
    usable = tuple(trajectory for trajectory in group.trajectories if not trajectory.failed)
    return msgspec.structs.replace(group, trajectories=usable)


def balance_tasks(
    groups: Sequence[TrajectoryGroup], *, ratio: float = 1.0, seed: int = 0
) -> list[TrajectoryGroup]:
    """Drop random groups until no kind of task has many more training tokens than the lightest.

    Args:
        groups: of several kinds.
        ratio: a kind may have this many times the tokens of the lightest kind, and keeps one group at least.
        seed: of the choice.

    Returns:
        The kept groups, in order.
    """
    if ratio < 1:
        raise InputError(f"ratio is {ratio}: a kind cannot be held below the lightest one, give 1 or more")
    tokens = [
        sum(len(sequence.tokens) for t in group.trajectories for sequence in training_sequences(t))
        for group in groups
    ]
    totals: dict[str, int] = {}
    for group, count in zip(groups, tokens, strict=True):
        totals[group.kind] = totals.get(group.kind, 0) + count
    room = {kind: ratio * min(totals.values()) for kind in totals}
    kept: list[int] = []
    kinds_kept: set[str] = set()
    for i in RandomStreams(seed).generator("balance").permutation(len(groups)):
        kind = groups[i].kind
        if tokens[i] <= room[kind] or kind not in kinds_kept:
            kept.append(int(i))
            kinds_kept.add(kind)
            room[kind] -= tokens[i]
    return [groups[i] for i in sorted(kept)]
