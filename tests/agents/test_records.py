from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fireside.agents.environment import Environment
from fireside.agents.question import Question
from fireside.agents.records import from_arrow, read_trajectories, to_arrow, write_trajectories
from fireside.agents.rewards import rewarded
from fireside.agents.strategies import Single, solve
from fireside.agents.tools import SearchTool
from fireside.agents.types import Task, Trajectory
from fireside.core.errors import InputError, SchemaError


@pytest.fixture
def trajectories(
    scripted: Any, retriever: Any, coin_script: Any, questions: list[Question], judge: Any
) -> list[Trajectory]:
    tasks = [Task(question_id=q.question_id, text=q.text, kind=q.kind) for q in questions]
    strategy = Single(Environment(SearchTool(retriever)))
    attempts = solve(strategy, scripted(coin_script), tasks, seed=2**63)
    done = [rewarded(a.final, q, judge) for a, q in zip(attempts[:2], questions, strict=False)]
    return [*done, attempts[2].final]


def test_trajectories_come_back_from_json_lines_equal(trajectories: list[Trajectory], tmp_path: Path) -> None:
    write_trajectories(tmp_path / "t.jsonl", trajectories)
    assert read_trajectories(tmp_path / "t.jsonl") == trajectories


def test_trajectories_come_back_from_arrow_equal(trajectories: list[Trajectory], tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(to_arrow(trajectories), tmp_path / "t.parquet")
    assert from_arrow(pq.read_table(tmp_path / "t.parquet")) == trajectories
    assert trajectories[2].reward is None
    assert from_arrow(to_arrow([])) == []


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(SchemaError, match="to_arrow"):
        from_arrow(pa.table({"a": [1]}))


def test_a_line_that_is_no_trajectory_is_named(trajectories: list[Trajectory], tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_trajectories(path, trajectories)
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(InputError, match="line 4"):
        read_trajectories(path)
    with pytest.raises(InputError, match="not a file"):
        read_trajectories(tmp_path / "absent")
