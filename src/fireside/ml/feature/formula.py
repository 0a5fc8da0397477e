"""R's model formulas: `label ~ terms`, read and applied to columns.

    +  another term        -  not that term       .   every column but the label
    :  interaction         *  both and interaction  ^n  all of up to n     0, 1, -1, +1  the intercept

Binding, from weak to strong: + and -, *, :, ^, parentheses. The grammar is that of Spark's `RFormulaParser`.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.linalg import is_vector_type
from fireside.ml.schema import is_numeric, is_string

__all__ = ["Formula", "ResolvedFormula", "parse_formula"]

TOKEN = re.compile(r"\s*((?:[a-zA-Z]|\.[a-zA-Z_])[a-zA-Z0-9._]*|\d+|[-~+:*^().])")
DOT = "."


@dataclass(frozen=True)
class Intercept:
    """0 or 1 in a formula."""

    on: bool


Term = tuple[str, ...] | Intercept
"""Columns that interact, `DOT` among them, or the intercept."""


@dataclass(frozen=True)
class Formula:
    """A formula that was read.

    Attributes:
        label: name of the column of labels; empty where there is none.
        terms: the terms in order, each with whether it is added (or taken away).
    """

    label: str
    terms: tuple[tuple[bool, Term], ...]

    def resolve(self, schema: pa.Schema) -> "ResolvedFormula":
        """The columns that the terms stand for.

        >>> schema = pa.schema([("y", pa.float64()), ("a", pa.float64()), ("b", pa.string())])
        >>> print(parse_formula("y ~ .^2 - 1").resolve(schema))
        ResolvedRFormula(label=y, terms=[a,b,{a,b}], hasIntercept=false)
        """
        every = [field.name for field in schema if _is_term(field.type) and field.name != self.label]
        included: list[tuple[str, ...]] = []
        seen: set[frozenset[str]] = set()
        intercept = True
        for added, term in self.terms:
            if isinstance(term, Intercept):
                intercept = term.on == added
                continue
            found = _expanded(term, every)
            if not added:
                gone = {frozenset(columns) for columns in found}
                included = [columns for columns in included if frozenset(columns) not in gone]
            elif len(term) == 1:
                included += found
            else:
                for columns in found:
                    if frozenset(columns) not in seen:
                        included.append(columns)
                        seen.add(frozenset(columns))
        return ResolvedFormula(self.label, tuple(dict.fromkeys(included)), intercept)


@dataclass(frozen=True)
class ResolvedFormula:
    """A formula whose columns are known.

    Attributes:
        label: name of the column of labels; empty where there is none.
        terms: for each term, the columns that interact.
        has_intercept: whether the model that follows has an intercept.
    """

    label: str
    terms: tuple[tuple[str, ...], ...]
    has_intercept: bool

    def __str__(self) -> str:
        terms = [columns[0] if len(columns) == 1 else f"{{{','.join(columns)}}}" for columns in self.terms]
        intercept = str(self.has_intercept).lower()
        return f"ResolvedRFormula(label={self.label}, terms=[{','.join(terms)}], hasIntercept={intercept})"


def parse_formula(text: str) -> Formula:
    """Read a formula.

    Raises:
        InputError: it is none; the message shows where reading ended.

    >>> parse_formula("y ~ a:b + 0").terms
    ((True, ('a', 'b')), (True, Intercept(on=False)))
    """
    return _Parser(text).formula()


class _Parser:
    """Reads by descent: one method for each level of binding."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        place = 0
        while text[place:].strip():
            found = TOKEN.match(text, place)
            if found is None:
                raise self._error(f"{text[place:].strip()!r} cannot be read")
            self._tokens.append(found[1])
            place = found.end()

    def formula(self) -> Formula:
        label = self._next() if self._tokens and _is_name(self._tokens[0]) else ""
        self._expect("~")
        terms = self._sum()
        if self._tokens:
            raise self._error(f"{self._tokens[0]!r} is not expected there")
        return Formula(label, tuple(terms))

    def _sum(self) -> list[tuple[bool, Term]]:
        terms = self._product()
        while self._tokens and self._tokens[0] in "+-":
            added = self._next() == "+"
            terms = terms + [(kind == added, term) for kind, term in self._product()]
        return terms

    def _product(self) -> list[tuple[bool, Term]]:
        terms = self._interaction()
        while self._accept("*"):
            terms = _crossed(terms, self._interaction())
        return terms

    def _interaction(self) -> list[tuple[bool, Term]]:
        terms = self._power()
        while self._accept(":"):
            terms = list(_interacting(terms, self._power()))
        return terms

    def _power(self) -> list[tuple[bool, Term]]:
        base = self._term()
        if not self._accept("^"):
            return base
        degree = self._next()
        if not degree.isdigit() or degree.startswith("0"):
            raise self._error(f"{degree!r} is no power: give a whole number from 1 on")
        terms = base
        for _ in range(int(degree) - 1):
            terms = _crossed(terms, base)
        return terms

    def _term(self) -> list[tuple[bool, Term]]:
        token = self._next()
        if token == "(":
            terms = self._sum()
            self._expect(")")
            return terms
        if token in ("0", "1"):
            return [(True, Intercept(token == "1"))]
        if token == DOT or _is_name(token):
            return [(True, (token,))]
        raise self._error(f"{token!r} is not expected there")

    def _next(self) -> str:
        if not self._tokens:
            raise self._error("it ends too early")
        return self._tokens.pop(0)

    def _accept(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            found = repr(self._tokens[0]) if self._tokens else "its end"
            raise self._error(f"{token!r} is missing before {found}")

    def _error(self, what: str) -> InputError:
        return InputError(f"could not parse formula {self._text!r}: {what}")


def _is_name(token: str) -> bool:
    return token[0].isalpha() or (len(token) > 1 and token[0] == DOT)


def _interacting(
    left: Sequence[tuple[bool, Term]], right: Sequence[tuple[bool, Term]]
) -> Iterator[tuple[bool, Term]]:
    """Every term of one side with every of the other; an intercept interacts with nothing."""
    for (_, one), (_, other) in itertools.product(left, right):
        if not isinstance(one, Intercept) and not isinstance(other, Intercept):
            yield True, (*one, *other)


def _crossed(left: list[tuple[bool, Term]], right: list[tuple[bool, Term]]) -> list[tuple[bool, Term]]:
    return [*left, *right, *_interacting(left, right)]


def _expanded(term: tuple[str, ...], every: Sequence[str]) -> list[tuple[str, ...]]:
    """The columns that interact, for each way to replace dots; a:b is b:a, and a:a is a."""
    if not term:
        return [()]
    rest = _expanded(term[1:], every)
    heads = every if term[0] == DOT else [term[0]]
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for head, tail in itertools.product(heads, rest):
        columns = tuple(dict.fromkeys((head, *tail)))
        found.setdefault(frozenset(columns), columns)
    return sorted(found.values(), key=len)


def _is_term(kind: pa.DataType) -> bool:
    return is_numeric(kind) or is_string(kind) or pa.types.is_boolean(kind) or is_vector_type(kind)
