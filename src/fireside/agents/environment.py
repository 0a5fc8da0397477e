"""The environment: one rollout, from the question to a record of everything that happened.

A rollout is a generator that yields what it wants sampled and is sent what was sampled:

    read what is pending -> sample -> parse -> search, answer, or be told what was wrong -> again

It knows nothing about batching, training or scoring, and is the same object when rollouts are collected,
evaluated, thought in parallel and served. Tokens are only ever appended: what the model wrote is never
decoded and encoded again, so a recorded rollout is exactly what the policy saw and drew.
Whatever goes wrong inside ends the rollout with a record that says so; nothing escapes but a bug in a plugin.
"""

import logging
from collections.abc import Generator, Sequence
from dataclasses import replace

import msgspec

from fireside.agents.actions import Answer, Invalid, Search, parse_action
from fireside.agents.plugins.budget import StepBudget
from fireside.agents.plugins.plugin import Plugin, Rewrite, RolloutState
from fireside.agents.prompts import question_line
from fireside.agents.tools import SearchTool
from fireside.agents.types import (
    ActionKind,
    Retrieved,
    RolloutEnd,
    Segment,
    Step,
    Task,
    Trajectory,
    Turn,
)
from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.core.protocols import Message, Role, Sample, SampleRequest, SamplingParams, TokenSampler
from fireside.core.seeding import RandomStreams

__all__ = ["Environment", "EnvironmentConfig", "Rollout"]

logger = logging.getLogger(__name__)

Rollout = Generator[SampleRequest, Sample, Trajectory]
"""Yields requests, is sent samples (or has the sampler's error thrown in), returns the record."""

MIN_TOKENS = 4
HOW_TO_ACT = 'Write one line: "Search: keywords" or "Answer: the exact answer [document]".'


@config
class EnvironmentConfig:
    """How the model is sampled, and how it is spoken to.

    Attributes:
        max_tokens: of one turn.
        temperature: of the sampler; 0 is greedy.
        top_k: of the sampler; `None`: all tokens.
        top_p: of the sampler.
        min_p: of the sampler.
        repetition_penalty: of the sampler, as `SamplingParams` has them.
        presence_penalty: of the sampler.
        frequency_penalty: of the sampler.
        stop: a turn ends before these strings; an action is one line.
        max_invalid: turns without an action that are answered with a reminder; one more ends the rollout.
        result_role: in whose name results are shown. Small models have seen no other than the user.
        repeat_question: whether the question stands again under every search result. A small model answers
            what it read last.
    """

    max_tokens: int = 40
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ("\n",)
    max_invalid: int = 1
    result_role: Role = "user"
    repeat_question: bool = True

    def __post_init__(self) -> None:
        if self.max_tokens < MIN_TOKENS:
            raise ConfigError(f"max_tokens is {self.max_tokens}: an action needs at least {MIN_TOKENS}")
        if self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ConfigError(
                f"temperature is {self.temperature}, top_p is {self.top_p}: give 0 or more, and from 0 to 1"
            )


class _Ended(Exception):
    """Carries the end of a rollout to the one place where it is recorded."""

    def __init__(self, end: RolloutEnd, error: str = "", answer: Answer | None = None) -> None:
        super().__init__(end, error)
        self.end = end
        self.error = error
        self.answer = answer or Answer("")


class Environment:
    """Runs rollouts over one tool.

    Args:
        tool: searches the corpus.
        config: sampling and wording.
        plugins: asked in order at fixed points; by default a `StepBudget`.
    """

    def __init__(
        self,
        tool: SearchTool,
        config: EnvironmentConfig | None = None,
        plugins: Sequence[Plugin] | None = None,
    ) -> None:
        self.tool = tool
        self.config = config or EnvironmentConfig()
        self.plugins = (StepBudget(),) if plugins is None else tuple(plugins)

    def rollout(self, task: Task, opening: Sequence[Turn], chat: TokenSampler, seed: int) -> Rollout:
        """One rollout; a pure function of its arguments and of what is sampled and found.

        Args:
            task: the question, for the record.
            opening: the turns the model reads first.
            chat: turns messages into tokens, and bounds them; it is not sampled from here.
            seed: of the rollout; each turn draws from a stream of its own.
        """
        state = RolloutState(task=task, opening=tuple(opening))
        _open_segment(state, opening)
        try:
            yield from self._turns(state, chat, RandomStreams(seed))
        except _Ended as ended:
            if state.steps or not state.segments:
                _close_segment(state)
            return Trajectory(
                question_id=task.question_id,
                kind=task.kind,
                seed=seed,
                segments=tuple(state.segments),
                end=ended.end,
                answer=ended.answer.text,
                citations=ended.answer.citations,
                error=ended.error,
                model_name=chat.model_name,
            )
        raise AssertionError("a rollout goes on until it ends")

    def _turns(
        self, state: RolloutState, chat: TokenSampler, streams: RandomStreams
    ) -> Generator[SampleRequest, Sample, None]:
        while True:
            for plugin in self.plugins:
                if (end := plugin.end(state)) is not None:
                    raise _Ended(end)
                if (rewrite := plugin.rewrite(state)) is not None:
                    yield from self._compress(state, chat, streams, plugin, rewrite)
            params = self._params(self.config.max_tokens, self.config.stop, state, streams)
            step = yield from _take_turn(state, chat, params)
            state.num_steps += 1
            self._act(state, step)

    def _act(self, state: RolloutState, step: Step) -> None:
        """Carry out what the model wrote: record it, and say what the model reads next."""
        action = parse_action(step.text)
        match action:
            case Answer(text):
                _record(state, step, action="answer", argument=text)
                raise _Ended(RolloutEnd.ANSWERED, answer=action)
            case Invalid(reason):
                state.num_invalid += 1
                hopeless = state.num_invalid > self.config.max_invalid
                result = "" if hopeless else f"{reason} {HOW_TO_ACT}"
                _record(state, step, action="invalid", argument=reason, result=result)
                if hopeless:
                    raise _Ended(RolloutEnd.NO_ANSWER)
            case Search():
                result = self._search(state, step, action)
        state.pending = [Message(self.config.result_role, result)]

    def _search(self, state: RolloutState, step: Step, search: Search) -> str:
        """Search, unless a plugin refuses; returns what the model is told."""
        for plugin in self.plugins:
            if refusal := plugin.refuse(state, search):
                _record(state, step, action="search", argument=search.query, result=refusal)
                return refusal
        try:
            found = self.tool.search(search.query)
        except Exception as error:
            logger.warning("search %r failed", search.query, exc_info=True)
            _record(state, step, action="search", argument=search.query)
            raise _Ended(RolloutEnd.TOOL_ERROR, _describe(error)) from error
        state.num_searches += 1
        reminder = [question_line(state.task.text)] if self.config.repeat_question else []
        result = "\n".join([found.text, *self._notes(state), *reminder])
        _record(state, step, action="search", argument=search.query, result=result, retrieved=found.retrieved)
        return result

    def _notes(self, state: RolloutState) -> list[str]:
        return [note for plugin in self.plugins if (note := plugin.note(state))]

    def _compress(
        self,
        state: RolloutState,
        chat: TokenSampler,
        streams: RandomStreams,
        plugin: Plugin,
        rewrite: Rewrite,
    ) -> Generator[SampleRequest, Sample, None]:
        """Have the model write a summary of everything, and open the next segment with it."""
        state.pending.append(Message("user", rewrite.instruction))
        params = self._params(rewrite.max_tokens, (), state, streams)
        step = yield from _take_turn(state, chat, params)
        _record(state, step, action="summary", argument=step.text.strip())
        _close_segment(state)
        _open_segment(state, plugin.reopen(state, step.text))

    def _params(
        self, max_tokens: int, stop: tuple[str, ...], state: RolloutState, streams: RandomStreams
    ) -> SamplingParams:
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=self.config.temperature,
            top_k=self.config.top_k,
            top_p=self.config.top_p,
            min_p=self.config.min_p,
            repetition_penalty=self.config.repetition_penalty,
            presence_penalty=self.config.presence_penalty,
            frequency_penalty=self.config.frequency_penalty,
            stop=stop,
            seed=streams.integer("turn", len(state.segments), len(state.steps)),
        )


def _take_turn(
    state: RolloutState, chat: TokenSampler, params: SamplingParams
) -> Generator[SampleRequest, Sample, Step]:
    """Show the model what is pending and let it write; returns the turn as a step, not yet acted on."""
    shown = _shown_tokens(state, chat)
    room = chat.context_length - len(state.tokens) - len(shown)
    if room < MIN_TOKENS:
        raise _Ended(
            RolloutEnd.CONTEXT_OVERFLOW,
            f"{len(state.tokens) + len(shown)} tokens leave no room in a context of {chat.context_length}",
        )
    state.tokens.extend(shown)
    state.pending = []
    limited = replace(params, max_tokens=min(params.max_tokens, room))
    try:
        sample = yield SampleRequest(tuple(state.tokens), limited)
    except Exception as error:
        logger.warning("sampling failed", exc_info=True)
        raise _Ended(RolloutEnd.SAMPLER_ERROR, _describe(error)) from error
    state.tokens.extend(sample.tokens)
    return Step(
        prompt_tokens=shown,
        tokens=sample.tokens,
        logprobs=sample.logprobs,
        text=sample.text,
        stop_reason=sample.stop_reason,
        version=sample.version,
        action="invalid",
    )


def _shown_tokens(state: RolloutState, chat: TokenSampler) -> tuple[int, ...]:
    """Tokens of what is pending; before them, the end of a turn that the model did not end itself."""
    if not state.steps:
        return chat.chat_tokens(state.pending, first=True)
    end = chat.end_of_turn()
    written = state.steps[-1].tokens
    missing = () if end and written[-len(end) :] == end else end
    return (*missing, *chat.chat_tokens(state.pending, first=False))


def _record(
    state: RolloutState,
    step: Step,
    *,
    action: ActionKind,
    argument: str,
    result: str = "",
    retrieved: tuple[Retrieved, ...] = (),
) -> None:
    state.steps.append(
        msgspec.structs.replace(step, action=action, argument=argument, result=result, retrieved=retrieved)
    )


def _open_segment(state: RolloutState, turns: Sequence[Turn]) -> None:
    state.segment_opening = tuple(turns)
    state.pending = [Message(turn.role, turn.content) for turn in turns]


def _close_segment(state: RolloutState) -> None:
    state.segments.append(Segment(opening=state.segment_opening, steps=tuple(state.steps)))
    state.steps = []
    state.tokens = []


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
