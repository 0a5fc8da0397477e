from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fireside.agents.environment import Environment
from fireside.agents.question import Question
from fireside.agents.rewards import RewardConfig
from fireside.agents.strategies import Parallel
from fireside.agents.tools import SearchTool
from fireside.agents.training.collect import collect
from fireside.agents.training.replay import ReplayStore, read_groups
from fireside.agents.types import TrajectoryGroup
from fireside.core.errors import CorruptFileError, EndpointError, ResumeError

Collect = Callable[..., list[TrajectoryGroup]]


@pytest.fixture
def gather(
    scripted: Any, retriever: Any, coin_script: Any, questions: list[Question], judge: Any, tmp_path: Path
) -> Collect:
    def run(name: str = "replay.jsonl", script: Any = coin_script, **options: Any) -> list[TrajectoryGroup]:
        sampler = scripted(script)
        parallel = Parallel(Environment(SearchTool(retriever)), 4)
        with ReplayStore(tmp_path / name, "settings") as store:
            return collect(
                parallel,
                sampler,
                options.pop("questions", questions),
                judge,
                store,
                seed=5,
                max_requests=1,
                **options,
            )

    return run


def test_collection_gives_a_rewarded_group_for_each_question(gather: Collect, questions: Any) -> None:
    groups = gather(rewards=RewardConfig(form=0.5))
    assert [g.question_id for g in groups] == [q.question_id for q in questions]
    rewards = {reward for g in groups for reward in g.rewards_G}
    assert rewards == {0.5, 1.5}
    assert all(len(g.trajectories) == 4 for g in groups)


def test_what_is_collected_is_on_disk(gather: Collect, tmp_path: Path) -> None:
    assert gather() == read_groups(tmp_path / "replay.jsonl")


def test_an_interrupted_collection_goes_on_and_ends_with_the_same_groups(
    gather: Collect, coin_script: Any, tmp_path: Path
) -> None:
    whole = gather("whole.jsonl")

    calls = []

    def interrupted(turns: Any, seed: int) -> str:
        calls.append(seed)
        if len(calls) > 11:
            raise KeyboardInterrupt
        return coin_script(turns, seed)

    with pytest.raises(KeyboardInterrupt):
        gather(script=interrupted)
    assert read_groups(tmp_path / "replay.jsonl") == whole[:1]
    # Killed while it wrote the second group.
    with (tmp_path / "replay.jsonl").open("ab") as file:
        file.write(b'{"question_id":"capital-fr","kin')
    asked = []

    def counting(turns: Any, seed: int) -> str:
        asked.append(turns[-1][1])
        return coin_script(turns, seed)

    assert gather(script=counting) == whole
    assert not any("Chad?" in text for text in asked)
    assert (tmp_path / "replay.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_no_further_question_is_taken_up_once_there_is_enough(gather: Collect) -> None:
    groups = gather(enough=lambda groups: len(groups) >= 2)
    assert [g.question_id for g in groups] == ["capital-td", "capital-fr"]


def test_a_model_that_cannot_be_reached_ends_the_collection_with_an_error(
    gather: Collect, tmp_path: Path
) -> None:
    def down(turns: Any, seed: int) -> str:
        raise EndpointError("connection refused")

    with pytest.raises(EndpointError, match="connection refused"):
        gather(script=down)
    assert read_groups(tmp_path / "replay.jsonl") == []


def test_a_store_goes_on_only_with_the_settings_it_was_begun_with(gather: Collect, tmp_path: Path) -> None:
    gather()
    with pytest.raises(ResumeError, match="delete the file"):
        ReplayStore(tmp_path / "replay.jsonl", "other settings")


def test_a_question_has_one_group(gather: Collect, tmp_path: Path) -> None:
    (group, *_) = gather()
    with (
        ReplayStore(tmp_path / "replay.jsonl", "settings") as store,
        pytest.raises(ResumeError, match="already"),
    ):
        store.append(group)


def test_a_damaged_line_is_named_and_another_file_is_no_store(gather: Collect, tmp_path: Path) -> None:
    gather()
    path = tmp_path / "replay.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:50]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(CorruptFileError, match="line 3"):
        ReplayStore(path, "settings")
    path.write_bytes(b"hello\n")
    with pytest.raises(ResumeError, match="not a replay store"):
        ReplayStore(path, "settings")


def test_a_store_whose_first_line_was_torn_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "replay.jsonl"
    path.write_bytes(b'{"replay_for')
    with ReplayStore(path, "settings") as store:
        assert store.groups == {}
    assert read_groups(path) == []
