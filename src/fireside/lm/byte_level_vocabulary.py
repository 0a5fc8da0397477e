"""GPT-2's byte-level vocabularies: every byte has a letter, and words are split by GPT-2's expression."""

from collections.abc import Mapping
from typing import Any

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

__all__ = ["BYTE_OF", "byte_level_backend", "byte_level_from_gguf"]

_CONTROL, _USER_DEFINED = 3, 4


def _letters_of_bytes() -> dict[str, int]:
    """GPT-2's letters for bytes: printable ones stand for themselves, the others come after U+00FF."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


BYTE_OF = _letters_of_bytes()


def byte_level_from_gguf(data: Mapping[str, Any], *, digits_alone: bool) -> tokenizers.Tokenizer:
    """A byte-level vocabulary from a GGUF file's metadata."""
    tokens: list[str] = data["tokenizer.ggml.tokens"]
    types: list[int] = data.get("tokenizer.ggml.token_type", [1] * len(tokens))
    merges = [tuple(merge.split(" ", 1)) for merge in data["tokenizer.ggml.merges"]]
    backend = byte_level_backend(
        models.BPE(vocab={token: id for id, token in enumerate(tokens)}, merges=merges),
        digits_alone=digits_alone,
    )
    for wanted, special in ((_CONTROL, True), (_USER_DEFINED, False)):
        backend.add_tokens(
            [
                tokenizers.AddedToken(token, special=special, normalized=False)
                for token, type_id in zip(tokens, types, strict=True)
                if type_id == wanted
            ]
        )
    return backend


def byte_level_backend(model: models.Model, *, digits_alone: bool) -> tokenizers.Tokenizer:
    """GPT-2's bytes and word splitting; `smollm` vocabularies first set every digit apart."""
    backend = tokenizers.Tokenizer(model)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
        if digits_alone
        else byte_level
    )
    backend.decoder = decoders.ByteLevel()
    return backend
