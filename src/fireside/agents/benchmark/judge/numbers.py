"""Numbers in running text: `68,512,806`, `68.5 million`, `-$30.3 billion`, `0.2%`, `sixty-eight`."""

import re
from typing import NamedTuple

__all__ = ["Mention", "convert", "find_numbers"]

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SCALES |= {"k": 1e3, "mn": 1e6, "mio": 1e6, "bn": 1e9, "tn": 1e12}
_ONES = re.findall(
    r"\w+",
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
)
_TENS = re.findall(r"\w+", "twenty thirty forty fifty sixty seventy eighty ninety")
_CARDINALS = {word: float(value) for value, word in enumerate(_ONES)}
_CARDINALS |= {word: 10.0 * value for value, word in enumerate(_TENS, start=2)}

# (what it measures, how many of the base unit one is)
_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("length", 1.0)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), ("length", 1e3)),
    **dict.fromkeys(("cm", "centimeters", "centimetres"), ("length", 1e-2)),
    **dict.fromkeys(("mi", "mile", "miles"), ("length", 1609.344)),
    **dict.fromkeys(("ft", "foot", "feet"), ("length", 0.3048)),
    **dict.fromkeys(("nm", "nautical miles"), ("length", 1852.0)),
    **dict.fromkeys(("sq m", "m2", "m²", "square meters", "square metres"), ("area", 1.0)),
    **dict.fromkeys(("sq km", "km2", "km²", "square kilometers", "square kilometres"), ("area", 1e6)),
    **dict.fromkeys(("sq mi", "square miles"), ("area", 2_589_988.110336)),
    **dict.fromkeys(("ha", "hectare", "hectares"), ("area", 1e4)),
    **dict.fromkeys(("%", "percent", "per cent", "percentage points"), ("share", 1.0)),
    **dict.fromkeys(("$", "usd", "us$", "dollar", "dollars", "us dollars"), ("dollars", 1.0)),
    **dict.fromkeys(("year", "years", "yrs"), ("years", 1.0)),
    **dict.fromkeys(("people", "persons", "inhabitants", "residents"), ("people", 1.0)),
    **dict.fromkeys(("g", "gram", "grams"), ("mass", 1e-3)),
    **dict.fromkeys(("kg", "kilogram", "kilograms"), ("mass", 1.0)),
    **dict.fromkeys(("tonnes", "metric tons"), ("mass", 1e3)),
}
_BY_LENGTH = sorted(_UNITS, key=len, reverse=True)

_DIGITS = re.compile(
    r"(?<![\w.])(?:(?P<sign>[-−–]|\bminus )\s?)?(?P<dollar>(?:US)?\$\s?)?"
    r"(?P<digits>\d{1,3}(?:[,'’\u00a0\u2009\u202f ]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)(?!\d)"
)
_NEXT_WORD = "|".join([*_CARDINALS, "hundred", "thousand", "million", "billion", "trillion"])
_WORD_NUMBER = re.compile(
    rf"\b(?:{'|'.join(_CARDINALS)})(?:[\s-]+(?:and\s+)?(?:{_NEXT_WORD}))*\b", re.IGNORECASE
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b|[^\W\d]+\d", re.IGNORECASE)
_SCALE = re.compile(rf"[\s-]?({'|'.join(_SCALES)})\b\.?", re.IGNORECASE)
_UNIT = re.compile(rf"\s?-?({'|'.join(map(re.escape, _BY_LENGTH))})(?![\w²])", re.IGNORECASE)
_YEAR_BEFORE = re.compile(
    r"(?:\b(?:in|since|as of|by|from|of|year|est\.?|during|until)\s+|\()$", re.IGNORECASE
)


class Mention(NamedTuple):
    """A number in a text.

    Attributes:
        value: in the unit it is written in, scale words multiplied in.
        unit: as written, in lower case; empty where there is none.
        is_date: whether it reads as a year, as in "(2023 est.)" or "in 2023".
        start: where it begins in the text.
        end: where it ends, its unit included.
    """

    value: float
    unit: str
    is_date: bool
    start: int
    end: int


def find_numbers(text: str) -> list[Mention]:
    """All numbers of a text in their order.

    >>> [(m.value, m.unit) for m in find_numbers("68,512,806 people, 1.2 million sq km, -$3 bn")]
    [(68512806.0, 'people'), (1200000.0, 'sq km'), (-3000000000.0, '$')]
    >>> [(m.value, m.unit) for m in find_numbers("one hundred and sixty-two percent")]
    [(162.0, 'percent')]
    >>> [(m.value, m.is_date) for m in find_numbers("K2 grew 0.5% in 2023, the 21st time")]
    [(0.5, False), (2023.0, True)]
    """
    found = [mention for match in _DIGITS.finditer(text) if (mention := _digits(text, match))]
    taken = [(mention.start, mention.end) for mention in found]
    for match in _WORD_NUMBER.finditer(text):
        # "One" inside a sentence is nearly always a pronoun.
        if match.group().lower() == "one" and len(text.split()) > 2:
            continue
        if not any(start < match.end() and match.start() < end for start, end in taken):
            unit, end = _unit(text, match.end())
            found.append(Mention(_cardinal(match.group()), unit, False, match.start(), end))
    return sorted(found, key=lambda mention: mention.start)


def convert(value: float, unit: str, into: str) -> float | None:
    """A value in another unit; `None` where one cannot be told from the other.

    A missing unit is taken for the wanted one. Units that are not in the table only equal themselves.

    >>> convert(4.81, "km", "m"), convert(3.0, "%", "km"), convert(7.0, "", "km")
    (4810.0, None, 7.0)
    """
    unit, into = unit.casefold().strip(), into.casefold().strip()
    if not unit or not into or unit == into:
        return value
    source, target = _UNITS.get(unit), _UNITS.get(into)
    if source is None or target is None or source[0] != target[0]:
        return None
    return value * source[1] / target[1]


def _digits(text: str, match: re.Match[str]) -> Mention | None:
    plain, end = match.group("digits"), match.end()
    if _ORDINAL.match(text, end):
        return None
    value = _value(plain)
    while scale := _SCALE.match(text, end):
        value, end = value * _SCALES[scale.group(1).lower()], scale.end()
    unit, end = _unit(text, end)
    if match.group("dollar"):
        # "$3m" is three million dollars, and "3m" three metres.
        value, unit = (value * 1e6 if unit == "m" else value), "$"
    year = len(plain) == 4 and plain.isdigit() and 1000 <= value <= 2100 and not unit
    before = _YEAR_BEFORE.search(text[max(0, match.start() - 12) : match.start()])
    return Mention(-value if match.group("sign") else value, unit, bool(year and before), match.start(), end)


def _value(digits: str) -> float:
    grouped = re.fullmatch(r"\d{1,3}(?:[,'’\u00a0\u2009\u202f ]\d{3})+(?:\.\d+)?", digits)
    if grouped:
        return float(re.sub(r"[^\d.]", "", digits))
    # A comma that does not part thousands is a decimal one.
    return float(digits.replace(",", "."))


def _unit(text: str, position: int) -> tuple[str, int]:
    match = _UNIT.match(text, position)
    return (match.group(1).lower(), match.end()) if match else ("", position)


def _cardinal(words: str) -> float:
    """The value of English number words.

    >>> _cardinal("one hundred and five thousand twenty-one")
    105021.0
    """
    total = current = 0.0
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _CARDINALS:
            current += _CARDINALS[word]
        elif word == "hundred":
            current *= 100
        elif word in _SCALES:
            total += current * _SCALES[word]
            current = 0.0
    return total + current
