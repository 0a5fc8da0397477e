"""Writes continuations of texts."""

from collections.abc import Sequence
from typing import Any

from fireside.core.protocols import Sample
from fireside.lm.engine.piece import Piece
from fireside.lm.server.answer_writer import AnswerWriter
from fireside.lm.server.choice_text import ChoiceText
from fireside.lm.server.token_report import completion_logprobs
from fireside.lm.tokenizer import Tokenizer

__all__ = ["CompletionWriter"]


class CompletionWriter(AnswerWriter):
    """Text and log-probabilities.

    Args:
        tokenizer: of the model.
        model: its name.
        fingerprint: changes when the weights do.
        num_choices: how many texts there will be.
        with_logprobs: whether log-probabilities are told.
    """

    def __init__(
        self, tokenizer: Tokenizer, model: str, fingerprint: str, *, num_choices: int, with_logprobs: bool
    ) -> None:
        super().__init__(model, fingerprint, "cmpl", ("text_completion", "text_completion"))
        self._tokenizer = tokenizer
        self._with_logprobs = with_logprobs
        self._texts = [ChoiceText(tokenizer.stop_ids) for _ in range(num_choices)]

    def opening(self, num_choices: int) -> list[dict[str, Any]]:
        """Nothing."""
        return []

    def step(self, index: int, event: Piece | Sample) -> list[dict[str, Any]]:
        """Text that has become certain; at the end, why it ended."""
        if isinstance(event, Sample):
            return [self.chunk([self._choice(index, "", [], event.stop_reason)])]
        text, tokens = self._texts[index].add(event)
        return [self.chunk([self._choice(index, text, tokens, None)])] if text or tokens else []

    def choice(self, index: int, pieces: Sequence[Piece], sample: Sample) -> dict[str, Any]:
        """A text."""
        shown = [token for piece in pieces for token in self._texts[index].add(piece)[1]]
        return self._choice(index, sample.text, shown, sample.stop_reason)

    def _choice(
        self, index: int, text: str, tokens: Sequence[Piece], finish_reason: str | None
    ) -> dict[str, Any]:
        logprobs = completion_logprobs(self._tokenizer, tokens) if self._with_logprobs else None
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}
