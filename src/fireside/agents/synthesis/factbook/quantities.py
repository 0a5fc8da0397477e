"""Quantities of a profile: what they are called, where they stand, in what unit, and how exact they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fireside.agents.benchmark.judge.numbers import find_numbers
from fireside.agents.corpus.factbook import field_name

__all__ = ["AREA", "POPULATION", "QUANTITIES", "Quantity", "amount", "shown", "tolerance"]

_PLAIN = re.compile(
    r"^(-?\$?\d[\d,]*(?:\.\d+)?(?: (?:million|billion|trillion))?(?: ?(?:%|km|m|sq km|years|kWh))?)"
    r"(?: of total population| children born/woman)?(?: \([^()]*\))?$"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that most profiles have.

    Attributes:
        label: as in "the {label} of Chad".
        path: section, field and value of the profile.
        unit: the unit of the answers.
        more: as in "Which has {more}, Chad or Niger?"
        additive: whether the sum over two places means something.
    """

    label: str
    path: tuple[str, ...]
    unit: str
    more: str
    additive: bool = False

    @property
    def field(self) -> str:
        """The name of its field."""
        return field_name(*self.path)


_PEOPLE = "People and Society"

AREA = Quantity(
    "total area", ("Geography", "Area", "total"), "sq km", "the largest total area", additive=True
)
POPULATION = Quantity(
    "population", (_PEOPLE, "Population", "total"), "people", "the most people", additive=True
)

QUANTITIES: tuple[Quantity, ...] = (
    AREA,
    POPULATION,
    Quantity(
        "length of the coastline", ("Geography", "Coastline"), "km", "the longest coastline", additive=True
    ),
    Quantity(
        "total length of the land boundaries",
        ("Geography", "Land boundaries", "total"),
        "km",
        "the longest land boundaries",
    ),
    Quantity(
        "number of airports", ("Transportation", "Airports"), "airports", "the most airports", additive=True
    ),
    Quantity(
        "total length of the railways",
        ("Transportation", "Railways", "total"),
        "km",
        "the longest railways",
        additive=True,
    ),
    Quantity(
        "number of ports",
        ("Transportation", "Ports", "total ports"),
        "ports",
        "the most ports",
        additive=True,
    ),
    Quantity(
        "number of ships in the merchant marine",
        ("Transportation", "Merchant marine", "total"),
        "ships",
        "the most ships in its merchant marine",
        additive=True,
    ),
    Quantity(
        "number of World Heritage Sites",
        ("Government", "National heritage", "total World Heritage Sites"),
        "sites",
        "the most World Heritage Sites",
        additive=True,
    ),
    Quantity(
        "mean elevation", ("Geography", "Elevation", "mean elevation"), "m", "the highest mean elevation"
    ),
    Quantity("median age", (_PEOPLE, "Median age", "total"), "years", "the highest median age"),
    Quantity(
        "life expectancy at birth",
        (_PEOPLE, "Life expectancy at birth", "total population"),
        "years",
        "the highest life expectancy at birth",
    ),
    Quantity(
        "forested share of the land",
        ("Geography", "Land use", "forest"),
        "%",
        "the largest share of its land under forest",
    ),
    Quantity(
        "urban share of the population",
        (_PEOPLE, "Urbanization", "urban population"),
        "%",
        "the largest share of people living in cities",
    ),
    Quantity(
        "online share of the population",
        ("Communications", "Internet users", "percent of population"),
        "%",
        "the largest share of people using the internet",
    ),
    Quantity(
        "real GDP per capita in 2023",
        ("Economy", "Real GDP per capita", "Real GDP per capita 2023"),
        "$",
        "the highest real GDP per capita in 2023",
    ),
)


def amount(quantity: Quantity, fields: Mapping[str, str]) -> float | None:
    """The value in the quantity's unit; `None` where the profile does not state it plainly.

    >>> amount(POPULATION, {POPULATION.field: "68,512,806 (2025 est.)"})
    68512806.0
    """
    match = _PLAIN.match(fields.get(quantity.field, ""))
    if not match:
        return None
    (mention,) = find_numbers(match.group(1))
    return mention.value


def tolerance(value: float) -> float:
    """How far a stated value may be off: nothing for small counts, else 1 %, or half of the last digit shown.

    >>> tolerance(12.0), tolerance(82.6), tolerance(68_512_806.0)
    (0.0, 0.826, 685128.06)
    """
    if value == int(value) and abs(value) < 1000:
        return 0.0
    return max(round(abs(value) * 0.01, 6), 0.05)


def shown(value: float, unit: str) -> str:
    """A value as a person would write it.

    >>> shown(68_512_806.0, "people"), shown(0.5, "%"), shown(15_200.0, "$"), shown(4.1 - 2, "years")
    ('68,512,806 people', '0.5%', '$15,200', '2.1 years')
    """
    rounded = round(value, 2)
    digits = f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,}"
    if unit == "$":
        return f"-${digits[1:]}" if digits.startswith("-") else f"${digits}"
    return f"{digits}%" if unit == "%" else f"{digits} {unit}"
