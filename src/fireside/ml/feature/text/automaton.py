"""Regular expressions of Java as finite automata over the bytes of UTF-8.

An automaton finds what a backtracking engine finds: at the first place where there is a match, the one that
the pattern prefers (of `a|ab` the first). It reads each byte once, and compiled code runs it over a column.
What needs more than a finite memory or looks around (`\\b`, `^`, groups that are referred to), matches
nothing at all (`a*`), or sets one character beyond ASCII apart from others, has no automaton here.

Source of the construction: Thompson, "Regular Expression Search Algorithm" (1968); of the order among
threads: Cox, "Regular Expression Matching in the Wild" (2010), section "Leftmost-first".
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fireside.ml.feature.text.java_regex import compile_java

__all__ = ["Automaton", "automaton_of"]

MOST_STATES = 500
_DEAD = -1

_CLASS = r"\[\^?(?:\\[sSdDwW]|\\[-\[\]\\.^+*?(){}|$/]|[A-Za-z0-9 _,.;:!?'\"/@#%=<>~`+*(){}|$-])+\]"
_TOKEN = re.compile(
    rf"(?P<set>{_CLASS}|\\[sSdDwWtnrf]|\\[^A-Za-z0-9]|[A-Za-z0-9 _,;:!'\"/@#%&=<>~`-])"
    r"|(?P<repeat>(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})(?P<lazy>\??))(?![+?*{])"
    r"|(?P<open>\(\?:|\((?!\?))|(?P<close>\))|(?P<bar>\|)"
)


class Automaton(NamedTuple):
    """A deterministic automaton; state 0 is where it begins.

    Attributes:
        next_state: int16[S, 256], the state after each byte; -1 where there can be no match any more.
        accepts: bool[S], whether what was read is a match; of several the last is the one preferred.
    """

    next_state: npt.NDArray[np.int16]
    accepts: npt.NDArray[np.bool_]


Build = Callable[[int], int]
"""Adds the states of a part of a pattern before a given state, and returns where the part begins."""


class _Part(NamedTuple):
    build: Build
    can_be_empty: bool


class _Unfit(Exception):
    """A pattern without an automaton."""


@functools.lru_cache(maxsize=64)
def automaton_of(pattern: str) -> Automaton | None:
    """The automaton of a Java pattern; `None` where there is none.

    >>> found = automaton_of("[a-c]+")
    >>> int(found.next_state[0, ord("b")]), int(found.next_state[0, ord("d")])
    (1, -1)
    >>> automaton_of("a*") is None, automaton_of("^a") is None
    (True, True)
    """
    threads = _Threads()
    try:
        whole = _Parser(pattern, threads).whole()
        if whole.can_be_empty:
            return None
        return _deterministic(threads, whole.build(threads.add(None, [])))
    except _Unfit:
        return None


class _Threads:
    """The states of a nondeterministic automaton.

    Attributes:
        reads: for each state the bytes it reads, bool[256]; `None` for one that reads nothing.
        follows: the states after it, the preferred one first; none after the end of the pattern.
    """

    def __init__(self) -> None:
        self.reads: list[npt.NDArray[np.bool_] | None] = []
        self.follows: list[list[int]] = []

    def add(self, reads: npt.NDArray[np.bool_] | None, follows: list[int]) -> int:
        if len(self.reads) >= MOST_STATES:
            raise _Unfit
        self.reads.append(reads)
        self.follows.append(follows)
        return len(self.reads) - 1


class _Parser:
    """Reads a pattern from left to right; parts build their states from right to left."""

    def __init__(self, pattern: str, threads: _Threads) -> None:
        self._threads = threads
        self._tokens: list[re.Match[str]] = []
        place = 0
        while place < len(pattern):
            token = _TOKEN.match(pattern, place)
            if token is None:
                raise _Unfit
            self._tokens.append(token)
            place = token.end()

    def whole(self) -> _Part:
        part = self._choice()
        if self._tokens:
            raise _Unfit
        return part

    def _choice(self) -> _Part:
        parts = [self._sequence()]
        while self._tokens and self._tokens[0]["bar"]:
            self._tokens.pop(0)
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]

        def build(after: int) -> int:
            return self._threads.add(None, [part.build(after) for part in parts])

        return _Part(build, any(part.can_be_empty for part in parts))

    def _sequence(self) -> _Part:
        parts = []
        while self._tokens and not (self._tokens[0]["bar"] or self._tokens[0]["close"]):
            parts.append(self._repeated())

        def build(after: int) -> int:
            for part in reversed(parts):
                after = part.build(after)
            return after

        return _Part(build, all(part.can_be_empty for part in parts))

    def _repeated(self) -> _Part:
        token = self._tokens.pop(0)
        if token["set"]:
            part = _Part(functools.partial(_build_set, self._threads, token["set"]), False)
        elif token["open"]:
            part = self._choice()
            if not (self._tokens and self._tokens.pop(0)["close"]):
                raise _Unfit
        else:
            raise _Unfit
        if self._tokens and self._tokens[0]["repeat"]:
            part = self._times(part, self._tokens.pop(0))
        return part

    def _times(self, part: _Part, token: re.Match[str]) -> _Part:
        times = token["repeat"].removesuffix(token["lazy"] or "\0")
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(times) or _bounds(times)
        # Engines differ on what they make of nothing, again and again.
        if part.can_be_empty or most == 0 or (most is not None and most < least):
            raise _Unfit

        def either(again: int, after: int) -> list[int]:
            return [after, again] if token["lazy"] else [again, after]

        def build(after: int) -> int:
            if most is None:
                loop = self._threads.add(None, [])
                self._threads.follows[loop] = either(part.build(loop), after)
                start = loop
            else:
                start = after
                for _ in range(most - least):
                    start = self._threads.add(None, either(part.build(start), after))
            for _ in range(least):
                start = part.build(start)
            return start

        return _Part(build, least == 0)


def _bounds(times: str) -> tuple[int, int | None]:
    least, comma, most = times[1:-1].partition(",")
    return int(least), (int(most) if most else None) if comma else int(least)


def _build_set(threads: _Threads, text: str, after: int) -> int:
    """One character of a set; beyond ASCII a set holds all characters, being negated, or none."""
    one = compile_java(text)
    table = np.array([one.fullmatch(chr(code)) is not None for code in range(128)] + [False] * 128)
    ascii_only = threads.add(table, [after])
    if one.fullmatch("\u00e9") is None:
        return ascii_only
    ways = [ascii_only]
    for first, last, more in ((0xC2, 0xDF, 1), (0xE0, 0xEF, 2), (0xF0, 0xF4, 3)):
        start = after
        for _ in range(more):
            start = threads.add(_byte_range(0x80, 0xBF), [start])
        ways.append(threads.add(_byte_range(first, last), [start]))
    return threads.add(None, ways)


def _byte_range(first: int, last: int) -> npt.NDArray[np.bool_]:
    codes = np.arange(256)
    return (codes >= first) & (codes <= last)


def _deterministic(threads: _Threads, start: int) -> Automaton:
    """Sets of threads in their order of preference as states; a match cuts off those that come after it."""
    places: dict[tuple[tuple[int, ...], bool], int] = {}
    rows: list[npt.NDArray[np.int16]] = []
    first = _reached(threads, [start])
    places[first] = 0
    waiting = [first]
    for running, _ in waiting:
        row = np.full(256, _DEAD, np.int16)
        # Bytes that the same threads read go to the same state.
        kinds: dict[tuple[int, ...], list[int]] = {}
        for code in range(256):
            reading = tuple(thread for thread in running if threads.reads[thread][code])  # type: ignore[index]
            if reading:
                kinds.setdefault(reading, []).append(code)
        for reading, codes in kinds.items():
            target = _reached(threads, [threads.follows[thread][0] for thread in reading])
            if target not in places:
                if len(places) >= MOST_STATES:
                    raise _Unfit
                places[target] = len(places)
                waiting.append(target)
            row[codes] = places[target]
        rows.append(row)
    return Automaton(np.array(rows), np.array([accepts for _, accepts in waiting]))


def _reached(threads: _Threads, starts: Iterable[int]) -> tuple[tuple[int, ...], bool]:
    """The reading threads that some states lead to without reading, and whether the pattern can end there."""
    running: list[int] = []
    seen: set[int] = set()
    waiting = list(starts)[::-1]
    while waiting:
        state = waiting.pop()
        if state in seen:
            continue
        seen.add(state)
        if threads.reads[state] is not None:
            running.append(state)
        elif threads.follows[state]:
            waiting.extend(reversed(threads.follows[state]))
        else:
            return tuple(running), True
    return tuple(running), False
