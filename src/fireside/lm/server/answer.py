"""The way of a request from admission to its answer, whole or streamed."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from time import perf_counter
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fireside.core.protocols import Sample, SampleRequest
from fireside.lm.engine.piece import Piece
from fireside.lm.server.answer_writer import AnswerWriter
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.choices import Choices
from fireside.lm.server.connection import unless_gone
from fireside.lm.server.event_stream import EventStream
from fireside.lm.server.sampling_fields import SamplingFields
from fireside.lm.server.service import Service

__all__ = ["answer"]

Plan = Callable[[], tuple[list[SampleRequest], AnswerWriter]]


async def answer(
    request: Request,
    service: Service,
    asked: SamplingFields,
    plan: Plan,
    *,
    num_choices: int,
    with_logprobs: bool,
) -> Response:
    """Admit, run and answer a request.

    Args:
        request: whose body has been read.
        service: of the server.
        asked: the body.
        plan: gives what the engine is to run and how it is written; called in another thread, as long prompts
            take time.
        num_choices: how many samples the plan will have.
        with_logprobs: whether the writer needs pieces for a whole answer.

    Raises:
        ApiError: too many choices, or a full queue.
        ClientGoneError: the client left.
        FiresideError: the plan or the engine refuses the request.
    """
    if num_choices > service.config.max_choices:
        raise ApiError(
            400,
            f"{num_choices} answers are wanted, this server gives at most {service.config.max_choices}",
            param="n",
        )
    service.admission.enter(num_choices)
    streams = bool(asked.stream)
    choices = Choices(service.engine, with_pieces=streams or with_logprobs)

    def close(is_whole: bool) -> None:
        choices.cancel()
        service.admission.leave(num_choices)
        if not is_whole:
            service.metrics.unfinished.inc()

    def begin() -> tuple[list[SampleRequest], AnswerWriter]:
        requests, writer = plan()
        choices.submit(requests)
        return requests, writer

    try:
        requests, writer = await unless_gone(request.receive, asyncio.to_thread(begin))
        run = _Run(service, asked, requests, writer, choices)
        if streams:
            return EventStream(run.stream(), close)
        body = await unless_gone(request.receive, run.whole())
    except BaseException:
        close(False)
        raise
    close(True)
    return Response(msgspec.json.encode(body), media_type="application/json")


class _Run:
    """An answer that is being made."""

    def __init__(
        self,
        service: Service,
        asked: SamplingFields,
        requests: list[SampleRequest],
        writer: AnswerWriter,
        choices: Choices,
    ) -> None:
        self._metrics = service.metrics
        self._includes_usage = asked.includes_usage
        self._writer = writer
        self._choices = choices
        self._num_choices = len(requests)
        # Choices of one prompt share it: it is read, and counted, once.
        self._num_prompt = sum(len(one.prompt_tokens) for one in requests[:: asked.num_choices])
        self._num_answer = 0
        self._began: float | None = perf_counter()

    async def whole(self) -> dict[str, Any]:
        """One object, when all has ended."""
        pieces: list[list[Piece]] = [[] for _ in range(self._num_choices)]
        samples: dict[int, Sample] = {}
        async for index, event in self._choices.events():
            if isinstance(event, Piece):
                pieces[index].append(event)
            else:
                self._count(event)
                samples[index] = event
        written = [
            self._writer.choice(index, pieces[index], samples[index]) for index in range(self._num_choices)
        ]
        return self._writer.whole(written, self._usage())

    async def stream(self) -> AsyncGenerator[dict[str, Any], None]:
        """Objects as they come."""
        more = {"usage": None} if self._includes_usage else {}
        for chunk in self._writer.opening(self._num_choices):
            yield {**chunk, **more}
        async for index, event in self._choices.events():
            if self._began is not None:
                self._metrics.first_token_seconds.observe(perf_counter() - self._began)
                self._began = None
            if isinstance(event, Sample):
                self._count(event)
            for chunk in self._writer.step(index, event):
                yield {**chunk, **more}
        usage = self._usage()
        if self._includes_usage:
            yield self._writer.chunk([], usage=usage)

    def _count(self, sample: Sample) -> None:
        self._num_answer += len(sample.tokens)

    def _usage(self) -> dict[str, int]:
        self._metrics.prompt_tokens.inc(self._num_prompt)
        self._metrics.answer_tokens.inc(self._num_answer)
        return {
            "prompt_tokens": self._num_prompt,
            "completion_tokens": self._num_answer,
            "total_tokens": self._num_prompt + self._num_answer,
        }
