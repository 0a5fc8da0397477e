"""The agent evaluated, trained by one round of OAPL, and evaluated again.

    base -> groups of rollouts -> drop all-right and all-wrong -> improve -> trained -> in parallel

Base and trained agent meet the same held-out questions with the same seeds.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fireside.agents.benchmark.bootstrap import Interval
from fireside.agents.benchmark.evaluation import Evaluation, compare, evaluate, score_attempts
from fireside.agents.question import Question
from fireside.agents.strategies import Parallel
from fireside.agents.test_time.majority_vote import majority_attempt
from fireside.agents.training.collect import collect
from fireside.agents.training.filtering import PassRateFlow, filter_groups
from fireside.agents.training.oapl import OAPLConfig, improve
from fireside.agents.training.replay import ReplayStore, read_groups
from fireside.agents.types import Attempt, TrajectoryGroup
from fireside.core.atomic import write_bytes
from fireside.core.config import config, to_dict
from fireside.core.metrics import MetricsWriter
from fireside.core.seeding import RandomStreams
from fireside.lm.learner import LearnerConfig
from fireside.recipes.local_agent import EXPLORING, LocalAgent, turns_of

__all__ = ["AgentTraining", "agent_report", "collect_groups", "evaluate_agent", "train_policy"]


@config
class AgentTraining:
    """Sizes and settings of the round.

    Attributes:
        group_size: G, rollouts of a training question.
        wanted_groups: collection ends when so many groups are mixed.
        learner: how the weights move.
        oapl: the objective.
        pass_score: a rollout passes from this score on.
        seed: of every rollout and of the order of training.
    """

    group_size: int
    wanted_groups: int
    learner: LearnerConfig
    oapl: OAPLConfig
    pass_score: float = 0.6
    seed: int = 17


def evaluate_agent(
    agent: LocalAgent, questions: Sequence[Question], *, name: str, parallel: int, seed: int, rollouts: Path
) -> dict[str, Any]:
    """Score the agent; JSON-ready, with two traces of each kind. All rollouts are kept in `rollouts`.

    Of several rollouts in parallel the majority's answer is scored too, as `majority`: it costs nothing more.
    """
    strategy = agent.strategy(parallel, name=name)
    evaluation, attempts = evaluate(strategy, agent.engine, questions, agent.judge, seed=seed)
    lines = b"\n".join(msgspec.json.encode(attempt) for attempt in attempts) + b"\n"
    write_bytes(rollouts / f"{name}.jsonl", lines)
    scored = {"evaluation": msgspec.to_builtins(evaluation), "traces": traces(attempts, questions, name)}
    if parallel > 1:
        majority, _ = score_attempts(
            [majority_attempt(attempt) for attempt in attempts],
            questions,
            agent.judge,
            system=f"majority of {parallel}",
            # The rollouts were made together with the aggregator's, so their own time is not known.
            seconds=evaluation.diagnostics.seconds * len(questions),
            seed=seed,
        )
        scored["majority"] = msgspec.to_builtins(majority)
    return scored


def collect_groups(
    agent: LocalAgent, questions: Sequence[Question], training: AgentTraining, store: Path
) -> dict[str, Any]:
    """Collect groups of rollouts, until enough are mixed or the questions are used up."""

    def enough(groups: Sequence[TrajectoryGroup]) -> bool:
        return filter_groups(groups, pass_score=training.pass_score)[1].mixed >= training.wanted_groups

    fingerprint = f"{agent.engine.model_name} seed {training.seed} groups of {training.group_size}"
    with ReplayStore(store, fingerprint) as replay:
        groups = collect(
            Parallel(agent.environment(EXPLORING), training.group_size),
            agent.engine,
            questions,
            agent.judge,
            replay,
            seed=RandomStreams(training.seed).integer("collect"),
            enough=enough,
        )
    _, flow = filter_groups(groups, pass_score=training.pass_score)
    return {"groups": len(groups), "flow": msgspec.to_builtins(flow)}


def train_policy(
    agent: LocalAgent, training: AgentTraining, store: Path, policy: Path, metrics: Path
) -> dict[str, Any]:
    """One offline round on the collected groups; the weights are saved, and the engine samples from them.

    Where no group is mixed there is nothing to learn from, and the weights are saved as they are.
    """
    kept, _ = filter_groups(read_groups(store), pass_score=training.pass_score)
    learner = agent.learner(training.learner)
    history: list[dict[str, float]] = []
    if kept:
        with MetricsWriter(metrics) as writer:
            history = improve(
                learner,
                kept,
                training.oapl,
                seed=RandomStreams(training.seed).integer("improve"),
                on_step=lambda step, values: writer.log(step, values),
            )
        agent.engine.weights_changed(learner.version)
    learner.save(policy)
    return {"steps": len(history), "history": history, "version": learner.version}


def agent_report(
    stages: Mapping[str, Mapping[str, Any]], training: AgentTraining, model_name: str, *, seed: int
) -> dict[str, Any]:
    """What the report says about the agent, from the results of the stages.

    Args:
        stages: `base`, `trained` and `parallel` as `evaluate_agent` returned them; `collect` and `train`.
        training: the settings.
        model_name: of the policy.
        seed: of the bootstrap.
    """
    evaluations = {
        label: msgspec.convert(stages[stage][part], Evaluation)
        for label, stage, part in (
            ("base", "base", "evaluation"),
            ("trained", "trained", "evaluation"),
            ("trained, majority of 3", "parallel", "majority"),
            ("trained, 3 in parallel", "parallel", "evaluation"),
        )
    }
    base, trained, majority, parallel = evaluations.values()
    return {
        "model": model_name,
        "judge": judge_in_words(base.judge),
        "num_questions": len(base.results),
        "kinds": sorted(base.by_kind),
        "systems": [system_row(label, evaluation) for label, evaluation in evaluations.items()],
        "differences": [
            difference_row("trained − base", compare(trained, base, seed=seed)),
            difference_row("3 in parallel − trained", compare(parallel, trained, seed=seed)),
            difference_row("majority of 3 − trained", compare(majority, trained, seed=seed)),
        ],
        "training": training_facts(stages, training),
        "traces": [trace for stage in ("trained", "base", "parallel") for trace in stages[stage]["traces"]],
    }


def judge_in_words(name: str) -> str:
    """What the report says of a judge.

    >>> judge_in_words("exact"), judge_in_words("model:large")
    ('exact, exact and deterministic', 'large, a model: its scores are its opinion')
    """
    if name.startswith("model:"):
        return f"{name.removeprefix('model:')}, a model: its scores are its opinion"
    return f"{name}, exact and deterministic"


def system_row(label: str, evaluation: Evaluation) -> dict[str, Any]:
    """One line of the table of systems."""
    told = evaluation.diagnostics
    return {
        "name": label,
        "score": evaluation.total.mean,
        "low": evaluation.total.low,
        "high": evaluation.total.high,
        "by_kind": {kind: interval.mean for kind, interval in evaluation.by_kind.items()},
        "recall": told.recall or 0.0,
        "searches": sum(result.num_searches for result in evaluation.results) / len(evaluation.results),
        "tokens": told.policy_tokens + told.context_tokens,
        "seconds": told.seconds,
        "no_answer_rate": told.no_answer_rate,
        "invalid_rate": told.invalid_rate,
        "score_given_retrieval": told.score_given_retrieval,
    }


def difference_row(name: str, interval: Interval) -> dict[str, Any]:
    """One line of the table of differences."""
    return {"name": name, "difference": interval.mean, "low": interval.low, "high": interval.high}


def training_facts(stages: Mapping[str, Mapping[str, Any]], training: AgentTraining) -> dict[str, Any]:
    """What was collected, kept and done."""
    flow = msgspec.convert(stages["collect"]["flow"], PassRateFlow)
    size = training.group_size
    return {
        "groups": stages["collect"]["groups"],
        "group_size": size,
        "rollouts": stages["collect"]["groups"] * size,
        "all_right": flow.all_right,
        "all_wrong": flow.all_wrong,
        "kept": flow.mixed,
        "pass_rates": [
            {"pass_rate": f"{passed} of {size}", "groups": groups}
            for passed, groups in enumerate(flow.by_num_passed)
        ],
        "steps": stages["train"]["steps"],
        "history": stages["train"]["history"],
        "beta1": training.oapl.beta1,
        "beta2": training.oapl.beta2,
        "learning_rate": training.learner.learning_rate,
        "trainable_layers": training.learner.num_trainable_layers or "all",
        "settings": to_dict(training),
    }


def traces(attempts: Sequence[Attempt], questions: Sequence[Question], system: str) -> list[dict[str, Any]]:
    """A right and a wrong answer of each kind, where there are such."""
    chosen: dict[tuple[str, bool], dict[str, Any]] = {}
    for attempt, question in zip(attempts, questions, strict=True):
        final = attempt.final
        key = (question.kind, bool(final.score))
        if key in chosen:
            continue
        chosen[key] = {
            "question": question.text,
            "kind": question.kind,
            "system": system,
            "score": final.score,
            "turns": turns_of(final),
            "nuggets": [nugget.text for nugget in question.nuggets],
            "citations": list(final.citations),
            "ended": str(final.end),
        }
    return [chosen[key] for key in sorted(chosen, key=lambda key: (not key[1], key[0]))]
