"""Tokens and their log-probabilities as clients are told them."""

from collections.abc import Sequence
from typing import Any

from fireside.lm.engine.piece import Piece
from fireside.lm.tokenizer import Tokenizer

__all__ = ["chat_logprobs", "completion_logprobs"]


def chat_logprobs(tokenizer: Tokenizer, pieces: Sequence[Piece]) -> dict[str, Any]:
    """As `choices[].logprobs` of a chat."""

    def entry(token: int, logprob: float) -> dict[str, Any]:
        data = tokenizer.token_bytes(token)
        return {"token": data.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(data)}

    return {
        "content": [
            {
                **entry(piece.token, piece.logprob),
                "top_logprobs": [entry(*alternative) for alternative in piece.top_logprobs],
            }
            for piece in pieces
        ],
        "refusal": None,
    }


def completion_logprobs(tokenizer: Tokenizer, pieces: Sequence[Piece]) -> dict[str, Any]:
    """As `choices[].logprobs` of a completion."""

    def name(token: int) -> str:
        data = tokenizer.token_bytes(token)
        try:
            return data.decode()
        except UnicodeDecodeError:
            # As OpenAI writes tokens that are no characters: they must differ from one another.
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)

    return {
        "tokens": [name(piece.token) for piece in pieces],
        "token_logprobs": [piece.logprob for piece in pieces],
        "top_logprobs": [{name(token): logprob for token, logprob in piece.top_logprobs} for piece in pieces],
        "text_offset": [piece.start for piece in pieces],
    }
