"""The facts of a profile that questions are made of, read from its fields.

A fact is read only where its text has the plain form that nearly all profiles use. Where the text is there
but says more (notes, conditions, several values), the fact is unclear, and no question may depend on it. What
a profile does not state at all does not hold for it: the documents are what the questions are about.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fireside.agents.corpus import Document
from fireside.agents.corpus.factbook import field_name
from fireside.agents.synthesis.factbook.names import name_index, names_of

__all__ = ["Place", "Profile", "read_profile", "read_profiles"]

_FIELDS = {
    "map_reference": field_name("Geography", "Map references"),
    "neighbours": field_name("Geography", "Land boundaries", "border countries"),
    "landlocked": field_name("Geography", "Coastline"),
    "capital": field_name("Government", "Capital", "name"),
    "currency_code": field_name("Economy", "Exchange rates", "Currency"),
    "independence": field_name("Government", "Independence"),
    "highest_point": field_name("Geography", "Elevation", "highest point"),
    "height": field_name("Geography", "Elevation", "highest point"),
    "government": field_name("Government", "Government type"),
    "symbols": field_name("Government", "National symbol(s)"),
    "colors": field_name("Government", "National color(s)"),
    "exports": field_name("Economy", "Exports - commodities"),
    "internet_code": field_name("Communications", "Internet country code"),
}
_LANGUAGE_FIELDS = [field_name("People and Society", "Languages", name) for name in ("Languages", "", "note")]

_BORDER = re.compile(r"([^\d;,]+?)\s+[\d,.]+\s*km(?:\s*\([^)]*\))?\s*(?:[;,]|and|$)")
_LANGUAGE = re.compile(r"([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)(?: [\d.]+%)? \(official\)")
_CAPITAL = re.compile(r"^([A-ZÀ-Þ][^;,()\d]*?)(?: \(([^)]*)\))?$")
_PROPER = re.compile(r"^[A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ][\w'’-]+)*$")
_PEAK = re.compile(r"^([A-ZÀ-Þ][^;\d(),]*?)(?: \(([^)]*)\))? ([\d,]+) m$")
_INDEPENDENCE = re.compile(r"^\d{1,2} [A-Z][a-z]+ (\d{4}) \(from (?:the )?([A-Z][A-Za-z ]+)\)$")
_CURRENCY = re.compile(r"^[^()]*\(([A-Z]{3})\) per US dollar -$")
_COLORS = re.compile(r"^[a-z-]+(?: [a-z-]+)?(?:, [a-z-]+(?: [a-z-]+)?)*$")
_DATED = re.compile(r"\s*\(\d{4}[^)]*\)$")


@dataclass(frozen=True, slots=True)
class Place:
    """A named place, such as a capital, and its other names."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a profile says plainly; empty or `None` where it says nothing.

    Attributes:
        document_id: its document.
        title: its name.
        aliases: its other names.
        fields: all of its text, by field name.
        unclear: names of the attributes below whose text is there but not plain.
        map_reference: the region whose map shows it.
        neighbours: ids of the profiles it shares a land border with.
        landlocked: whether it has no coast.
        capital: the capital, where there is exactly one.
        languages: languages marked as official, without a condition.
        language_text: all that is said of its languages.
        currency_code: three letters.
        independence: (year, from whom).
        highest_point: its name.
        height: of the highest point, in metres above the sea.
        government: type of government, in full.
        symbols: national symbols.
        colors: national colors, in alphabetical order.
        exports: the top export commodities.
        internet_code: such as `".fr"`.
    """

    document_id: str
    title: str
    aliases: tuple[str, ...]
    fields: Mapping[str, str]
    unclear: frozenset[str]
    map_reference: str
    neighbours: frozenset[str]
    landlocked: bool
    capital: Place | None
    languages: frozenset[str]
    language_text: str
    currency_code: str
    independence: tuple[int, str] | None
    highest_point: Place | None
    height: int | None
    government: str
    symbols: tuple[str, ...]
    colors: tuple[str, ...]
    exports: tuple[str, ...]
    internet_code: str


def read_profiles(documents: Sequence[Document]) -> list[Profile]:
    """The profiles of some documents of the Factbook, in their order."""
    names = {document.document_id: names_of(document) for document in documents}
    index = name_index(names)
    return [read_profile(document, names[document.document_id], index) for document in documents]


def read_profile(document: Document, names: Sequence[str], index: Mapping[str, str]) -> Profile:
    """Read the facts of one profile.

    Args:
        document: the profile as `read_factbook` gives it.
        names: its names, the title first.
        index: document id by name, of all profiles.
    """
    texts = {name: document.fields.get(field, "") for name, field in _FIELDS.items()}
    languages = " ".join(filter(None, (document.fields.get(field) for field in _LANGUAGE_FIELDS)))
    facts = {name: read(texts[name]) for name, read in _READERS.items()}
    unclear = {name for name, fact in facts.items() if texts[name] and fact is None}
    return Profile(
        document_id=document.document_id,
        title=document.title,
        aliases=tuple(names[1:]),
        fields=document.fields,
        unclear=frozenset(unclear),
        map_reference=texts["map_reference"],
        neighbours=_neighbours(texts["neighbours"], index),
        languages=frozenset(_LANGUAGE.findall(languages)),
        language_text=languages,
        government=texts["government"],
        landlocked=bool(facts["landlocked"]),
        capital=facts["capital"],
        currency_code=facts["currency_code"] or "",
        independence=facts["independence"],
        highest_point=facts["highest_point"],
        height=facts["height"],
        symbols=facts["symbols"] or (),
        colors=facts["colors"] or (),
        exports=facts["exports"] or (),
        internet_code=facts["internet_code"] or "",
    )


def _neighbours(text: str, index: Mapping[str, str]) -> frozenset[str]:
    """What is no profile of its own, such as French Guiana, is left out."""
    names = (re.sub(r"\s*\(.*", "", name).strip().removeprefix("and ") for name in _BORDER.findall(text))
    return frozenset(index[name] for name in names if name in index)


def _landlocked(text: str) -> bool | None:
    if "landlocked" in text:
        return True
    return False if re.match(r"(?!0 km)[\d,.]+ km", text) else None


def _capital(text: str) -> Place | None:
    if text == "Washington, D.C.":
        return Place(text, ("Washington",))
    match = _CAPITAL.match(text)
    if not match:
        return None
    inside = re.split(r"[/,]| is the ", match.group(2) or "")
    return Place(match.group(1), tuple(name.strip() for name in inside if _PROPER.match(name.strip())))


def _independence(text: str) -> tuple[int, str] | None:
    match = _INDEPENDENCE.match(text)
    if match:
        return int(match.group(1)), match.group(2)
    # A dependent territory has no such date, and that is plain.
    return (0, "nobody") if text.startswith("none (") else None


def _highest_point(text: str) -> Place | None:
    match = _PEAK.match(text)
    if not match:
        return None
    name, other = match.group(1), match.group(2) or ""
    aliases = (name.split(" on ")[0], other if _PROPER.match(other) else "")
    return Place(name, tuple(alias for alias in dict.fromkeys(aliases) if alias and alias != name))


def _height(text: str) -> int | None:
    (metres,) = found if len(found := re.findall(r"([\d,]+) m\b", text)) == 1 else (None,)
    return int(metres.replace(",", "")) if metres else None


def _items(text: str) -> tuple[str, ...] | None:
    """The items of a plain list."""
    if "note" in text:
        return None
    items = (item.strip() for item in re.split(r"[,;]", _DATED.sub("", text)))
    return tuple(item for item in items if item)


def _colors(text: str) -> tuple[str, ...] | None:
    return tuple(sorted(color.strip() for color in text.split(","))) if _COLORS.match(text) else None


def _currency_code(text: str) -> str | None:
    match = _CURRENCY.match(text)
    return match.group(1) if match else None


def _internet_code(text: str) -> str | None:
    return text if re.fullmatch(r"\.[a-z]{2}", text) else None


_READERS: Mapping[str, Callable[[str], Any]] = {
    "landlocked": _landlocked,
    "capital": _capital,
    "currency_code": _currency_code,
    "independence": _independence,
    "highest_point": _highest_point,
    "height": _height,
    "symbols": _items,
    "colors": _colors,
    "exports": _items,
    "internet_code": _internet_code,
}
