"""Writes answers to chats."""

import secrets
from collections.abc import Sequence
from typing import Any

from fireside.core.protocols import Sample
from fireside.lm.engine.piece import Piece
from fireside.lm.server.answer_writer import AnswerWriter
from fireside.lm.server.choice_text import ChoiceText
from fireside.lm.server.token_report import chat_logprobs
from fireside.lm.server.tool_calls import Call, ToolCallReader
from fireside.lm.tokenizer import Tokenizer

__all__ = ["ChatWriter"]


class ChatWriter(AnswerWriter):
    """Text, calls of tools, log-probabilities.

    Args:
        tokenizer: of the model.
        model: its name.
        fingerprint: changes when the weights do.
        num_choices: how many answers there will be.
        with_tools: whether the answers may call tools.
        with_logprobs: whether log-probabilities are told.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        model: str,
        fingerprint: str,
        *,
        num_choices: int,
        with_tools: bool,
        with_logprobs: bool,
    ) -> None:
        super().__init__(model, fingerprint, "chatcmpl", ("chat.completion", "chat.completion.chunk"))
        self._tokenizer = tokenizer
        self._with_logprobs = with_logprobs
        self._choices = [_Choice(tokenizer, with_tools) for _ in range(num_choices)]

    def opening(self, num_choices: int) -> list[dict[str, Any]]:
        """Who speaks."""
        return [self._delta(index, {"role": "assistant", "content": ""}, []) for index in range(num_choices)]

    def step(self, index: int, event: Piece | Sample) -> list[dict[str, Any]]:
        """Text and calls that have become certain; at the end, why it ended."""
        choice = self._choices[index]
        if isinstance(event, Piece):
            deltas = choice.add(event)
            tokens = choice.take_tokens() if deltas else []
            return [
                self._delta(index, delta, tokens if first else [])
                for first, delta in zip([True] + [False] * len(deltas), deltas, strict=False)
            ]
        chunks = [self._delta(index, {"content": choice.rest}, [])] if choice.rest else []
        end = self._delta(index, {}, choice.take_tokens())
        end["choices"][0]["finish_reason"] = choice.finish_reason(event)
        return [*chunks, end]

    def choice(self, index: int, pieces: Sequence[Piece], sample: Sample) -> dict[str, Any]:
        """A message."""
        choice = self._choices[index]
        calls: list[dict[str, Any]] = []
        content = ""
        for part in choice.parts(sample.text):
            if isinstance(part, Call):
                calls.append(_call(part))
            else:
                content += part
        content += choice.rest
        message: dict[str, Any] = {"role": "assistant", "content": content or None, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        else:
            message["content"] = content
        shown = [token for piece in pieces for token in choice.tokens_with(piece)]
        return {
            "index": index,
            "message": message,
            "logprobs": chat_logprobs(self._tokenizer, shown) if self._with_logprobs else None,
            "finish_reason": choice.finish_reason(sample),
        }

    def _delta(self, index: int, delta: dict[str, Any], tokens: Sequence[Piece]) -> dict[str, Any]:
        logprobs = chat_logprobs(self._tokenizer, tokens) if self._with_logprobs and tokens else None
        return self.chunk([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}])


class _Choice:
    """What one choice has said so far."""

    def __init__(self, tokenizer: Tokenizer, with_tools: bool) -> None:
        self._text = ChoiceText(tokenizer.stop_ids)
        self._reader = ToolCallReader() if with_tools else None
        self._tokens: list[Piece] = []
        self._num_calls = 0

    def add(self, piece: Piece) -> list[dict[str, Any]]:
        text, tokens = self._text.add(piece)
        self._tokens += tokens
        deltas: list[dict[str, Any]] = []
        for part in self.parts(text):
            if isinstance(part, Call):
                deltas.append({"tool_calls": [{"index": self._num_calls - 1, **_call(part)}]})
            else:
                deltas.append({"content": part})
        return deltas

    def parts(self, text: str) -> list[str | Call]:
        """Text as it is, or what a reader of calls makes of it."""
        if self._reader is None:
            return [text] if text else []
        parts: list[str | Call] = []
        for part in self._reader.add(text):
            self._num_calls += isinstance(part, Call)
            parts.append(part)
        return parts

    def tokens_with(self, piece: Piece) -> list[Piece]:
        return self._text.add(piece)[1]

    def take_tokens(self) -> list[Piece]:
        tokens, self._tokens = self._tokens, []
        return tokens

    @property
    def rest(self) -> str:
        return "" if self._reader is None else self._reader.rest()

    def finish_reason(self, sample: Sample) -> str:
        return "tool_calls" if self._num_calls and sample.stop_reason == "stop" else sample.stop_reason


def _call(call: Call) -> dict[str, Any]:
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
