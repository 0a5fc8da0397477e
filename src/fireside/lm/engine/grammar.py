"""Grammars that say which token may come next.

A thin shell around the `llguidance` library. Grammars are written in its variety of Lark, in which `%json`
stands for a JSON schema; they are compiled once and then copied for each sequence.
"""

import threading
from collections import OrderedDict
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.core.extras import require
from fireside.lm.tokenizer import Tokenizer

__all__ = ["GrammarCompiler", "GrammarState", "json_rule"]

_REMEMBERED = 64
# On one line: where white space is free, small models write nothing else.
_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}


def json_rule(schema: dict[str, Any]) -> str:
    """The right-hand side of a rule for JSON, on one line, that is valid under a schema.

    >>> json_rule({"type": "integer"})
    '%json {"type":"integer","x-guidance":{"whitespace_flexible":false,...}}'
    """
    return f"%json {msgspec.json.encode({**schema, 'x-guidance': _LAYOUT}).decode()}"


class GrammarState:
    """How far a sequence has come in its grammar."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which tokens may come next, bool[V]; where the text may end, the tokens that end it are among them.

        Raises:
            InputError: the grammar has become too costly to follow.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        if self._matcher.is_error():
            raise InputError(f"the grammar cannot be followed: {_first_line(self._matcher.get_error())}")
        return np.unpackbits(bits, count=self._vocab_size, bitorder="little").astype(np.bool_)

    def accept(self, token: int) -> None:
        """Go on by a token that was allowed."""
        self._matcher.consume_token(token)


class GrammarCompiler:
    """Compiles grammars for one vocabulary; several threads may.

    Args:
        tokenizer: whose tokens are allowed or not.
        vocab_size: of the model; ids beyond the tokenizer's are never allowed.

    >>> tokenizer = Tokenizer.train_bpe(["x"], vocab_size=257)
    >>> state = GrammarCompiler(tokenizer, 260).compile('start: "yes" | "no"')
    >>> [tokenizer.decode([int(token)]) for token in state.allowed().nonzero()[0]]
    ['n', 'y']
    """

    def __init__(self, tokenizer: Tokenizer, vocab_size: int) -> None:
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._lock = threading.Lock()
        self._vocabulary: Any = None
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def compile(self, grammar: str) -> GrammarState:
        """The beginning of a grammar.

        Raises:
            InputError: the grammar is not valid, or uses what the library does not know.
            MissingExtraError: llguidance is not installed.
        """
        library = require("llguidance", extra="lm")
        with self._lock:
            if self._vocabulary is None:
                self._vocabulary = library.LLTokenizer(
                    library.TokenizerWrapper(_Vocabulary(self._tokenizer)),
                    n_vocab=self._vocab_size,
                    eos_token=sorted(self._tokenizer.stop_ids),
                )
            matcher = self._compiled.get(grammar)
        if matcher is None:
            matcher = library.LLMatcher(self._vocabulary, grammar, log_level=0)
            if matcher.is_error():
                raise InputError(f"the grammar is not valid: {_first_line(matcher.get_error())}")
        with self._lock:
            self._compiled[grammar] = matcher
            self._compiled.move_to_end(grammar)
            if len(self._compiled) > _REMEMBERED:
                self._compiled.popitem(last=False)
            return GrammarState(matcher.deep_copy(), self._vocab_size)


class _Vocabulary:
    """A tokenizer as the library wants it; strict: text is never read as special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.eos_token_id = tokenizer.eos_id
        self.bos_token_id = None
        self.tokens = [tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size)]
        self.special_token_ids = list(tokenizer.special_ids.values())
        self._tokenizer = tokenizer

    def __call__(self, text: str | bytes) -> list[int]:
        return self._tokenizer.encode(text.decode() if isinstance(text, bytes) else text)


def _first_line(message: str) -> str:
    """What the library says, without the grammar that it repeats after it.

    >>> _first_line("at 1(8): unknown type\\n  1 | start: ...")
    'unknown type'
    """
    return message.split("\n", 1)[0].split("): ", 1)[-1]
