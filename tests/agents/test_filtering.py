import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.agents.training.filtering import balance_tasks, filter_groups
from fireside.agents.types import RolloutEnd, Segment, Step, Trajectory, TrajectoryGroup
from fireside.core.errors import InputError


def group(
    name: str, scores: list[float], kind: str = "lookup", tokens: int = 1, failed: int = 0
) -> TrajectoryGroup:
    step = Step(
        prompt_tokens=(),
        tokens=(0,) * tokens,
        logprobs=(-1.0,) * tokens,
        text="",
        stop_reason="stop",
        version=0,
        action="answer",
    )
    ends = [RolloutEnd.ANSWERED] * len(scores) + [RolloutEnd.TOOL_ERROR] * failed
    return TrajectoryGroup(
        question_id=name,
        kind=kind,
        trajectories=tuple(
            Trajectory(
                question_id=name,
                kind=kind,
                seed=0,
                segments=(Segment(opening=(), steps=(step,)),),
                end=end,
                score=score,
                reward=score,
            )
            for end, score in zip(ends, [*scores, *[0.0] * failed], strict=True)
        ),
    )


def test_groups_that_are_all_right_or_all_wrong_are_dropped_and_counted() -> None:
    groups = [group("a", [0, 0]), group("b", [0.6, 0.5]), group("c", [1, 0.7]), group("d", [0, 1])]
    kept, flow = filter_groups(groups, pass_score=0.6)
    assert [g.question_id for g in kept] == ["b", "d"]
    assert (flow.all_wrong, flow.mixed, flow.all_right) == (1, 2, 1)
    assert flow.by_num_passed == (1, 2, 1)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), max_size=6), st.floats(0.1, 1))
def test_every_group_flows_somewhere(scores: list[list[float]], pass_score: float) -> None:
    kept, flow = filter_groups([group(str(i), s) for i, s in enumerate(scores)], pass_score=pass_score)
    assert flow.all_wrong + flow.mixed + flow.all_right == len(scores) == sum(flow.by_num_passed)
    assert flow.mixed == len(kept)


def test_a_rollout_that_the_tool_broke_off_is_no_failure_of_the_policy() -> None:
    kept, flow = filter_groups([group("a", [1, 1], failed=1), group("b", [1, 0], failed=2)])
    assert [g.question_id for g in kept] == ["b"]
    assert len(kept[0].trajectories) == 2
    assert flow.failed_rollouts == 3
    assert flow.all_right == 1


def test_a_pass_score_that_everything_passes_is_refused() -> None:
    with pytest.raises(InputError, match="pass_score is 0"):
        filter_groups([], pass_score=0)


def test_the_heavier_task_is_cut_to_the_training_tokens_of_the_lighter() -> None:
    groups = [group(f"l{i}", [1, 0], "lookup", tokens=10) for i in range(10)]
    groups += [group(f"r{i}", [1, 0], "report", tokens=30) for i in range(2)]
    kept = balance_tasks(groups)
    by_kind = {kind: [g for g in kept if g.kind == kind] for kind in ("lookup", "report")}
    assert (len(by_kind["lookup"]), len(by_kind["report"])) == (6, 2)
    assert [g.question_id for g in kept] == [g.question_id for g in groups if g in kept]


def test_a_looser_ratio_keeps_more_and_every_kind_keeps_a_group() -> None:
    groups = [group(f"l{i}", [1, 0], "lookup", tokens=10) for i in range(10)]
    groups += [group("r", [1, 0], "report", tokens=4)]
    assert len(balance_tasks(groups, ratio=1)) == 2
    assert len(balance_tasks(groups, ratio=10)) == 5
    assert len(balance_tasks(groups, ratio=1000)) == 11
    assert balance_tasks([]) == []
