"""The agent on one machine: SmolLM2-135M-Instruct in our engine, over an index, with an exact judge.

Any OpenAI-compatible endpoint can take the place of the model, to answer, or of the judge. One object for
collecting, evaluating, learning and answering, so that nothing differs between them but the strategy.
"""

from functools import cached_property
from pathlib import Path

from fireside.agents.benchmark.judge import ExactJudge, ModelJudge
from fireside.agents.environment import Environment, EnvironmentConfig
from fireside.agents.index import open_index
from fireside.agents.rewards import Judge
from fireside.agents.strategies import Single, Strategy
from fireside.agents.test_time.parallel_thinking import ParallelThinking
from fireside.agents.tools import SearchTool
from fireside.agents.types import Trajectory
from fireside.core.protocols import Retriever, TokenSampler
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.learner import LearnerConfig, PolicyLearner
from fireside.lm.policy_checkpoint import load_policy

__all__ = ["EXPLORING", "MODEL_NAME", "LocalAgent", "turns_of"]

MODEL_NAME = "SmolLM2-135M-Instruct"
EXPLORING = 0.5
"""Temperature of rollouts that should differ. A model of this size writes no actions at 1."""


class LocalAgent:
    """A model, an index and a judge; each is loaded when it is first needed.

    Args:
        index: a directory made by `build_index`.
        policy: trained weights to lay over the model, as `PolicyLearner.save` wrote them.
        model: answers in place of our own model; it cannot be trained.
        judge: judges in place of exact matching.
    """

    def __init__(
        self,
        index: Path,
        *,
        policy: Path | None = None,
        model: TokenSampler | None = None,
        judge: TokenSampler | None = None,
    ) -> None:
        self._index = index
        self._policy = policy
        self._endpoint = model
        self.judge: Judge = ExactJudge() if judge is None else ModelJudge(judge)

    @property
    def sampler(self) -> TokenSampler:
        """What writes the answers: the endpoint where there is one, else our engine."""
        return self._endpoint or self.engine

    @cached_property
    def retriever(self) -> Retriever:
        """The index, opened and checked."""
        return open_index(self._index)

    def environment(self, temperature: float = 0.0) -> Environment:
        """Where rollouts run: greedy to answer, warmer where they should differ."""
        return Environment(SearchTool(self.retriever), EnvironmentConfig(temperature=temperature))

    @cached_property
    def engine(self) -> Engine:
        """The model, ready to sample."""
        model, tokenizer = load_gguf(find_smollm2())
        version = load_policy(self._policy, model) if self._policy is not None else 0
        self._model = model
        return Engine(model, tokenizer, EngineConfig(model_name=MODEL_NAME), version=version)

    def learner(self, config: LearnerConfig) -> PolicyLearner:
        """A learner on the very weights that the engine samples from.

        Call `engine.weights_changed(learner.version)` when they have moved.
        """
        version = self.engine.version
        return PolicyLearner(self._model, config, version=version)

    def strategy(self, parallel: int = 1, *, name: str = "single") -> Strategy:
        """One rollout, or so many in parallel and one that makes an answer of theirs."""
        if parallel == 1:
            return Single(self.environment(), name=name)
        return ParallelThinking(self.environment(EXPLORING), parallel, aggregator=self.environment())


def turns_of(trajectory: Trajectory) -> list[dict[str, str]]:
    """What a person reads of a rollout: the question, then every turn and what it brought.

    The system's instructions and the worked example stand at the beginning of every rollout and are left out.
    """
    turns = [
        {"role": turn.role, "text": turn.content}
        for segment in trajectory.segments[:1]
        for turn in segment.opening[-1:]
    ]
    for step in trajectory.steps:
        turns.append({"role": "assistant", "text": step.text})
        if step.result:
            turns.append({"role": "search" if step.action == "search" else "harness", "text": step.result})
    return turns
