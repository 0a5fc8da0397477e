"""How the places of the Factbook are called: in sentences, in answers, and by one another."""

import re

from fireside.agents.corpus import Document
from fireside.agents.corpus.factbook import field_name

__all__ = ["NOT_PLACES", "name_index", "names_of", "spoken"]

NOT_PLACES = frozenset({"european-union", "world"})
"""Profiles that are neither a country nor a territory: no question has them as its answer."""

# Names in common use that the profiles do not give as the short, the long or the abbreviated form.
_ALSO = {
    "burma": ("Myanmar",),
    "cabo-verde": ("Cape Verde",),
    "cote-d-ivoire": ("Ivory Coast",),
    "czechia": ("Czech Republic",),
    "democratic-republic-of-the-congo": ("Congo-Kinshasa", "DR Congo"),
    "eswatini": ("Swaziland",),
    "federated-states-of-micronesia": ("Micronesia",),
    "gaza-strip": ("Gaza",),
    "holy-see-vatican-city": ("Holy See", "Vatican City", "Vatican"),
    "macau": ("Macao",),
    "north-macedonia": ("Macedonia",),
    "republic-of-the-congo": ("Congo-Brazzaville",),
    "timor-leste": ("East Timor",),
    "turkey": ("Turkiye",),
    "united-kingdom": ("Britain", "Great Britain"),
    "virgin-islands": ("US Virgin Islands", "United States Virgin Islands"),
}
_WITH_THE = re.compile(
    r"^(United|Republic|Democratic|Dominican Republic|Central African|Federated|Netherlands|Philippines|"
    r"Maldives|Comoros|Seychelles|Holy See|Isle of|West Bank|Gaza Strip|British Indian|French Southern|"
    r"Coral Sea|Virgin Islands|British Virgin)|Islands$|Islands \("
)


def spoken(title: str) -> str:
    """A title as it stands in a sentence.

    >>> spoken("Chad"), spoken("The Gambia"), spoken("United States"), spoken("Cook Islands")
    ('Chad', 'the Gambia', 'the United States', 'the Cook Islands')
    """
    if title.startswith("The "):
        return "the " + title[4:]
    return f"the {title}" if _WITH_THE.search(title) else title


def names_of(document: Document) -> tuple[str, ...]:
    """All names of a place, its title first."""

    def form(value: str) -> str:
        text = document.fields.get(field_name("Government", "Country name", value), "")
        text = text.split(";")[0].strip()
        return "" if text == "none" else text

    short = re.sub(r"\s*\(.*\)", "", form("conventional short form"))
    abbreviations = re.split(r" or |[()]", form("abbreviation"))
    found = [document.title, short, form("conventional long form"), *_ALSO.get(document.document_id, ())]
    # One of two letters may be another country's (".ch", "PR"), and some are sentences.
    found += [name.strip() for name in abbreviations if re.fullmatch(r"(?:[A-Z]{3,5}|UK|US)", name.strip())]
    return tuple(dict.fromkeys(name for name in found if name and not _ambiguous(name, document)))


def _ambiguous(name: str, document: Document) -> bool:
    """ "Congo" is two countries, and "The Dominican" is a slip."""
    return name in ("Congo", "The Dominican") and name != document.title


def name_index(names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Document id by each name, without its article; names that two places share are left out.

    >>> name_index({"chad": ("Chad", "Republic of Chad"), "the-gambia": ("The Gambia",)})["Gambia"]
    'the-gambia'
    """
    index: dict[str, str] = {}
    shared = set()
    for document_id, known in names.items():
        for name in {form for long in known for form in (long, long.removeprefix("The "))}:
            if index.setdefault(name, document_id) != document_id:
                shared.add(name)
    return {name: document_id for name, document_id in index.items() if name not in shared}
