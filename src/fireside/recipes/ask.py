"""A question to the agent, over an index."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fireside.agents.strategies import solve
from fireside.agents.tools import display_id
from fireside.agents.types import Task, Trajectory
from fireside.core.errors import InputError
from fireside.core.protocols import Retriever, TokenSampler
from fireside.recipes.local_agent import LocalAgent, turns_of

__all__ = ["Answer", "Citation", "answer_question"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A document that the answer names; its title where the agent really found it, else empty."""

    document_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and how it came about.

    Attributes:
        text: empty where the agent gave none.
        citations: what it names, in order.
        searches: what was searched for, in order.
        turns: role and text of each turn, the question first.
    """

    text: str
    citations: tuple[Citation, ...]
    searches: tuple[str, ...]
    turns: tuple[Mapping[str, str], ...]


def answer_question(
    question: str,
    *,
    index: Path,
    run: Path | None = None,
    model: TokenSampler | None = None,
    parallel: int = 1,
    seed: int = 17,
) -> Answer:
    """Let the agent answer.

    Args:
        question: in plain words.
        index: made by `fireside index`.
        run: a run of the demonstration; its trained policy answers, over its own index.
        model: answers in place of our own model.
        parallel: rollouts to think in parallel.
        seed: of everything that is drawn.

    Raises:
        InputError: the question is empty, or there is no index or no trained policy.
        CheckpointError: the index or the policy is damaged.
    """
    if not question.strip():
        raise InputError("the question is empty: ask something")
    agent = open_agent(index, run, model)
    task = Task(question_id="ask", text=question)
    (attempt,) = solve(agent.strategy(parallel), agent.sampler, [task], seed=seed)
    final = attempt.final
    return Answer(
        text=final.answer,
        citations=tuple(named(final, citation, agent.retriever) for citation in final.citations),
        searches=tuple(query for rollout in attempt.trajectories for query in rollout.queries),
        turns=tuple(turn for rollout in attempt.trajectories for turn in turns_of(rollout)),
    )


def open_agent(index: Path, run: Path | None, model: TokenSampler | None) -> LocalAgent:
    """The base agent or an endpoint over an index, or the trained agent of a run over that run's."""
    if run is not None:
        if model is not None:
            raise InputError("give a run, whose trained agent answers, or an endpoint, not both")
        if not (run / "policy").is_dir():
            raise InputError(f"{run} has no trained policy: name a demo run that has ended")
        return LocalAgent(run / "index", policy=run / "policy")
    if not index.is_dir():
        raise InputError(f"there is no index at {index}: make one with `fireside index FOLDER`")
    return LocalAgent(index, model=model)


def named(trajectory: Trajectory, citation: str, retriever: Retriever) -> Citation:
    """A citation with the title of the document, where a search of this rollout found it."""
    for query in trajectory.queries:
        for passage in retriever.search(query, 20):
            if display_id(passage.document_id) == citation:
                return Citation(passage.document_id, passage.title)
    return Citation(citation, "")
