"""What can be asked of a place: its region, borders, language, currency, independence, government and so on.

Where a profile is not plain about something, whether the condition holds is unknown. A border is known where
both neighbours name each other; a language is known not to be official only where it is not named at all.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from fireside.agents.synthesis.factbook.constraint import Condition, Constraint, Truth, constraint
from fireside.agents.synthesis.factbook.names import NOT_PLACES, spoken
from fireside.agents.synthesis.factbook.profile import Profile
from fireside.agents.synthesis.factbook.quantities import AREA, POPULATION, Quantity, amount

__all__ = ["all_constraints"]

T = TypeVar("T")

_REGIONS = {
    "Africa": "lies in Africa",
    "Europe": "lies in Europe",
    "South America": "lies in South America",
    "Central America and the Caribbean": "lies in Central America or the Caribbean",
    "Oceania": "lies in Oceania",
    "Southeast Asia": "lies in Southeast Asia",
    "Middle East": "lies in the Middle East",
}
# Of these, an atlas may say that they lie in a region on whose map the Factbook does not show them.
_ARGUABLE = {
    "Africa": {"spain", "yemen", "portugal"},
    "Europe": {"turkey", "georgia", "armenia", "azerbaijan", "kazakhstan", "russia", "greenland", "israel"},
    "South America": {
        "panama",
        "trinidad-and-tobago",
        "aruba",
        "curacao",
        "south-georgia-and-south-sandwich-islands",
    },
    "Central America and the Caribbean": {
        *(
            "mexico",
            "bermuda",
            "guyana",
            "suriname",
            "colombia",
            "venezuela",
            "united-states",
            "clipperton-island",
        ),
    },
    "Oceania": {"indonesia", "timor-leste", "philippines", "papua-new-guinea", "united-states"},
    "Southeast Asia": {"taiwan", "hong-kong", "macau", "papua-new-guinea", "bangladesh", "china", "india"},
    "Middle East": {
        *("egypt", "cyprus", "afghanistan", "pakistan", "sudan", "libya", "tunisia", "algeria", "morocco"),
        *("djibouti", "somalia", "mauritania", "comoros", "western-sahara", "akrotiri", "dhekelia"),
    },
}
_UNCLEAR_MAPS = ("Arctic", "Antarctic", "Political", ":", ";", "AsiaEurope")
_GOVERNMENTS = (
    "presidential republic",
    "parliamentary republic",
    "semi-presidential republic",
    "absolute monarchy",
)
_SYMBOLS = ("lion", "elephant", "golden eagle", "leopard", "Andean condor", "dragon", "zebu")
_POWERS = {"UK": "United Kingdom", "US": "United States", "Soviet Union": "the Soviet Union"}
_HEIGHTS = (1000, 2000, 3000, 4000)
_POPULATIONS = {1e5: "100,000", 1e6: "1 million", 1e7: "10 million", 5e7: "50 million"}
_AREAS = {1e3: "1,000", 1e4: "10,000", 1e5: "100,000", 1e6: "1 million"}


def all_constraints(profiles: Sequence[Profile]) -> list[Constraint]:
    """Every condition, evaluated, that holds for at least one place."""
    families = (
        _simple,
        _borders,
        _languages,
        _currencies,
        _independence,
        _colors,
        _exports,
        _capitals,
        _amounts,
    )
    conditions = (condition for family in families for condition in family(profiles))
    evaluated = (constraint(condition, profiles) for condition in conditions)
    return [made for made in evaluated if made.sure]


def _plain(attribute: str, test: Callable[[Profile], bool]) -> Callable[[Profile], Truth]:
    """The test, except where the profile is not plain about what it tests."""
    return lambda profile: None if attribute in profile.unclear else test(profile)


def _equal(attribute: str, wanted: object) -> Callable[[Profile], Truth]:
    return _plain(attribute, lambda profile: getattr(profile, attribute) == wanted)


def _common(values: Iterable[T | None]) -> list[T]:
    """What more than one place has, in order; empty values do not count."""
    counts = Counter(value for value in values if value)
    return sorted((value for value, count in counts.items() if count > 1), key=repr)


def _simple(profiles: Sequence[Profile]) -> Iterator[Condition]:
    yield "coast", "is landlocked", _plain("landlocked", lambda profile: profile.landlocked)
    for region, phrase in _REGIONS.items():
        yield "region", phrase, _in_region(region)
    for metres in _HEIGHTS:
        yield "peak", f"has a highest point of more than {metres:,} metres", _higher_than(metres)
    for kind in _GOVERNMENTS:
        yield "government", f"is {'an' if kind[0] in 'aeiou' else 'a'} {kind}", _governed_as(kind)
    for symbol in _SYMBOLS:
        yield "symbol", f"has the {symbol} among its national symbols", _has("symbols", symbol)


def _in_region(region: str) -> Callable[[Profile], Truth]:
    def truth(profile: Profile) -> Truth:
        found = profile.map_reference
        if found == region:
            return True
        unclear = not found or any(part in found for part in _UNCLEAR_MAPS)
        return None if unclear or profile.document_id in _ARGUABLE[region] else False

    return truth


def _higher_than(metres: int) -> Callable[[Profile], Truth]:
    return _plain("height", lambda profile: profile.height is not None and profile.height > metres)


def _governed_as(kind: str) -> Callable[[Profile], Truth]:
    named = re.compile(rf"(?<![\w-]){kind}\b")

    def truth(profile: Profile) -> Truth:
        if profile.government == kind:
            return True
        # "Federal presidential republic": whether that is a presidential one is a matter of opinion.
        return None if named.search(profile.government) else False

    return truth


def _has(attribute: str, wanted: str) -> Callable[[Profile], Truth]:
    named = re.compile(rf"\b{re.escape(wanted)}s?\b")

    def truth(profile: Profile) -> Truth:
        items: tuple[str, ...] = getattr(profile, attribute)
        if attribute in profile.unclear or wanted in items:
            return None if attribute in profile.unclear else True
        # "Golden rampant lion", "fish fillets": whether these count is a matter of opinion.
        return None if any(named.search(item) for item in items) else False

    return truth


def _borders(profiles: Sequence[Profile]) -> Iterator[Condition]:
    listed = {profile.document_id: profile.neighbours for profile in profiles}

    def beside(other: str) -> Callable[[Profile], Truth]:
        def truth(profile: Profile) -> Truth:
            forth, back = other in profile.neighbours, profile.document_id in listed[other]
            # Where only one of two names the other, the Factbook contradicts itself.
            return forth if forth == back else None

        return truth

    for other in profiles:
        if other.neighbours and other.document_id not in NOT_PLACES:
            yield "border", f"borders {spoken(other.title)}", beside(other.document_id)


def _languages(profiles: Sequence[Profile]) -> Iterator[Condition]:
    def official(language: str) -> Callable[[Profile], Truth]:
        named = re.compile(rf"\b{re.escape(language)}\b")

        def truth(profile: Profile) -> Truth:
            if language in profile.languages:
                return True
            # A language that is named, but not plainly marked, may be official under some condition.
            return None if named.search(profile.language_text) else False

        return truth

    for language in _common(name for profile in profiles for name in sorted(profile.languages)):
        yield "language", f"has {language} as an official language", official(language)


def _currencies(profiles: Sequence[Profile]) -> Iterator[Condition]:
    for code in _common(profile.currency_code for profile in profiles):
        phrase = f"uses the currency with the code {code}"
        yield "currency", phrase, _equal("currency_code", code)


def _independence(profiles: Sequence[Profile]) -> Iterator[Condition]:
    dates = [profile.independence for profile in profiles if profile.independence]

    def at(part: int, wanted: object) -> Callable[[Profile], Truth]:
        return _plain("independence", lambda p: p.independence is not None and p.independence[part] == wanted)

    for year in _common(year for year, _ in dates):
        yield "independence", f"became independent in {year}", at(0, year)
    for power in _common(power for year, power in dates if year):
        yield "independence", f"became independent from {spoken(_POWERS.get(power, power))}", at(1, power)


def _colors(profiles: Sequence[Profile]) -> Iterator[Condition]:
    for colors in dict.fromkeys(profile.colors for profile in profiles if len(profile.colors) > 1):
        phrase = f"has {', '.join(colors[:-1])} and {colors[-1]} as its national colors"
        yield "colors", phrase, _equal("colors", colors)


def _exports(profiles: Sequence[Profile]) -> Iterator[Condition]:
    for item in _common(item for profile in profiles for item in profile.exports):
        if "/" not in item:
            yield "exports", f"counts {item} among its top export commodities", _has("exports", item)


def _capitals(profiles: Sequence[Profile]) -> Iterator[Condition]:
    def begins_with(first: str) -> Callable[[Profile], Truth]:
        return _plain("capital", lambda p: p.capital is not None and p.capital.name.startswith(first))

    for first in _common(profile.capital.name[0] if profile.capital else None for profile in profiles):
        yield "capital", f"has a capital whose name begins with {first}", begins_with(first)


def _amounts(profiles: Sequence[Profile]) -> Iterator[Condition]:
    for bound, name in _POPULATIONS.items():
        yield "population", f"has more than {name} inhabitants", _above(POPULATION, bound)
    for bound, name in _AREAS.items():
        yield "area", f"has an area of more than {name} square kilometres", _above(AREA, bound)


def _above(quantity: Quantity, bound: float) -> Callable[[Profile], Truth]:
    def truth(profile: Profile) -> Truth:
        value = amount(quantity, profile.fields)
        # Of an estimate within a twentieth of the bound nobody can be sure.
        return None if value is None or abs(value - bound) < 0.05 * bound else value > bound

    return truth


_FAMILIES = (
    *(_simple, _borders, _languages, _currencies, _independence, _colors, _exports, _capitals),
    _amounts,
)
