"""Questions for named values: cells of tables, JSON entries, lines `Key: value`."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fireside.agents.benchmark.judge.numbers import find_numbers
from fireside.agents.question import Kind, Nugget, Question, Split
from fireside.agents.synthesis.anywhere.reference import Reference
from fireside.agents.synthesis.selection import draft, gives_away

__all__ = ["number_nugget", "sum_questions", "value_questions"]

_PART = " - "
_WHOLE = (
    'According to "{document}", what is the entry "{name}"?',
    'What does "{document}" give as its "{name}"?',
)
_OF = (
    'In "{document}", what is the entry "{name}" for {owner}?',
    'According to "{document}", what does {owner} have as its "{name}"?',
)
_SUM = 'In "{document}", what do the entries "{name}" for {a} and for {b} add up to?'
_DIFFERENCE = 'In "{document}", by how much does the entry "{name}" for {a} exceed that for {b}?'
_LONGEST_VALUE, _LONGEST_NAME = 80, 90
_PER_DOCUMENT = 40
_SUMS_PER_DOCUMENT = 20


def number_nugget(text: str) -> Nugget | None:
    """A nugget for a value that is one number, perhaps with its unit, and nothing else; exact as written.

    >>> number_nugget("1,200 kg").number, number_nugget("3 bolts and 4 nuts"), number_nugget("v1.2")
    (1200.0, None, None)
    """
    found = find_numbers(text)
    if len(found) != 1 or text[: found[0].start].strip() or text[found[0].end :].strip():
        return None
    return Nugget(text, number=found[0].value, unit=found[0].unit)


def value_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """One question for each short named value, at most 40 from a document."""
    for reference in references:
        usable = [
            (name, value)
            for name, value in reference.document.fields.items()
            if len(value) <= _LONGEST_VALUE and len(name) <= _LONGEST_NAME and re.search(r"\w", value)
        ]
        for at in generator.permutation(len(usable))[:_PER_DOCUMENT]:
            name, value = usable[at]
            owner, _, last = name.rpartition(_PART)
            templates = _OF if owner else _WHOLE
            text = templates[int(generator.integers(len(templates)))].format(
                document=reference.name, name=last, owner=owner.replace(_PART, ", ")
            )
            number = number_nugget(value)
            kind: Kind = "numeric" if number else "lookup"
            if not gives_away(text, value):
                document_id = reference.document.document_id
                yield draft(kind, text, [number or Nugget(value)], [document_id], splits[document_id])


def sum_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """Sums and differences of two numbers of one column, at most 20 from a document."""
    for reference in references:
        document_id, made = reference.document.document_id, 0
        for name, column in sorted(_columns(reference).items()):
            for _ in range(min(len(column) - 1, 4)):
                if made == _SUMS_PER_DOCUMENT:
                    break
                made += 1
                (a, x), (b, y) = sorted(
                    (column[at] for at in generator.permutation(len(column))[:2]), key=lambda pair: -pair[1]
                )
                unequal = x != y and bool(generator.integers(2))
                value, template = (x - y, _DIFFERENCE) if unequal else (x + y, _SUM)
                # Sums of decimals carry binary dust that no reader would write down.
                value = round(value, 9)
                text = template.format(document=reference.name, name=name[0], a=a, b=b)
                nugget = Nugget(
                    f"{value:,.10g} {name[1]}".strip(), number=value, unit=name[1], tolerance=1e-6
                )
                yield draft("numeric", text, [nugget], [document_id], splits[document_id])


def _columns(reference: Reference) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """(row, value) of the numbers that share a column and a unit, where there are two or more."""
    columns: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for name, value in reference.document.fields.items():
        row, _, column = name.rpartition(_PART)
        nugget = number_nugget(value) if row else None
        if nugget is not None and nugget.number is not None and len(name) <= _LONGEST_NAME:
            columns[column, nugget.unit].append((row.replace(_PART, ", "), nugget.number))
    return {key: column for key, column in columns.items() if len(column) > 1}
