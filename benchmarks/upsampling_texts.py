"""Real text in six domains, cleaned, cut, and split into what is trained on and what is held out.

    directory/<domain>/texts.jsonl       {"text": ...}, at most 20,000 characters a line
    directory/<domain>/held-out.jsonl    {"text": ...}, from other source documents
    directory/sources.json               package, version, licence, documents, characters

Everything is a pure function of the packages' contents: no clock, no random generator. Whole source documents
are held out, and near-duplicates are dropped before the split, so that what is held out is really new.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fireside.compute import as_dataset
from fireside.core.atomic import write_bytes
from fireside.recipes.near_duplicates import near_duplicates
from upsampling_domains import DOMAINS, DomainSource, Source

__all__ = ["cut", "read_texts", "split", "without_repetition", "write_texts"]

RECIPE = 3
"""Raise it when the texts change: folders that were made by another recipe are made anew."""

SHORTEST, LONGEST = 200, 20_000
SMALLEST_REPEATED = 60
LEAST_LETTERS = 0.55
SEED = 5


def write_texts(directory: Path, domains: Mapping[str, DomainSource] = DOMAINS) -> dict[str, Path]:
    """Write the texts that are not there yet.

    Args:
        directory: packages are fetched into `packages`, the texts of a domain lie in a folder of its name;
            `sources.json` says of each domain `package`, `version`, `licence`, `documents`, `characters`,
            `held_out_documents`, `held_out_characters`, `near_duplicates` and the `recipe`.
        domains: where the texts of each come from.

    Returns:
        The folder of each domain.

    Raises:
        MissingExtraError: a package's client is not on this machine.
        InputError: a package cannot be had.
    """
    record = directory / "sources.json"
    sources: dict[str, dict[str, Any]] = msgspec.json.decode(record.read_bytes()) if record.is_file() else {}
    for name, domain in domains.items():
        if sources.get(name, {}).get("recipe") != RECIPE:
            sources[name] = _write_domain(domain, directory / "packages", directory / name)
            write_bytes(record, msgspec.json.format(msgspec.json.encode(sources), indent=1) + b"\n")
    return {name: directory / name for name in domains}


def read_texts(file: Path) -> list[str]:
    """The texts of a file that `write_texts` wrote."""
    return [msgspec.json.decode(line)["text"] for line in file.read_bytes().splitlines()]


def without_repetition(sources: Iterable[Source]) -> Iterator[Source]:
    """The sources without noise, and without paragraphs that an earlier source or place already has.

    >>> notice = "Permission is granted to copy this document under the terms of a licence."
    >>> sources = [("a", f"One.\\n\\n{notice}"), ("b", f"{notice}\\n\\n0 1 2 3 | 4\\n\\nTwo.")]
    >>> list(without_repetition(sources))
    [('a', 'One.\\n\\nPermission is granted ... licence.'), ('b', 'Two.')]
    """
    seen = set()
    for name, text in sources:
        kept = []
        for paragraph in text.split("\n\n"):
            key = " ".join(paragraph.split())
            repeated = len(key) >= SMALLEST_REPEATED and key in seen
            seen.add(key)
            if not repeated and _letters(paragraph) >= LEAST_LETTERS:
                kept.append(paragraph)
        if kept:
            yield name, "\n\n".join(kept)


def cut(text: str, longest: int = LONGEST) -> list[str]:
    """Pieces of at most so many characters, cut where the text parts best: a paragraph, line, sentence, word.

    >>> cut("One two. Three\\n\\nfour five", longest=14)
    ['One two. Three', 'four five']
    """
    pieces = []
    while len(text) > longest:
        for part in ("\n\n", "\n", ". ", " "):
            place = text.rfind(part, longest // 2, longest - len(part.rstrip()) + len(part))
            if place > 0:
                break
        else:
            place, part = longest, ""
        end = place + len(part.rstrip())
        pieces.append(text[:end])
        text = text[end:].lstrip()
    return [*pieces, text] if text else pieces


def split(sources: Iterable[Source], every: int) -> tuple[list[Source], list[Source]]:
    """(to train on, held out): one source in `every` is held out; the order is that of their names' hashes.

    >>> train, held_out = split([(str(number), "text") for number in range(100)], every=20)
    >>> len(train), len(held_out)
    (95, 5)
    """
    shuffled = sorted(sources, key=lambda source: hashlib.sha256(source[0].encode()).digest())
    return [source for n, source in enumerate(shuffled) if n % every], shuffled[::every]


def _write_domain(domain: DomainSource, packages: Path, directory: Path) -> dict[str, Any]:
    package = domain.fetch(domain.package, packages)
    sources: Iterable[Source] = domain.read(package.folder)
    pieces = [
        (name, piece)
        for name, text in (without_repetition(sources) if domain.prose else sources)
        for piece in cut(text)
        if len(piece) >= SHORTEST
    ]
    unique = _without_near_duplicates(pieces)
    by_source: dict[str, list[str]] = {}
    for name, piece in unique:
        by_source.setdefault(name, []).append(piece)
    halves = split([(name, "") for name in by_source], domain.every)
    train, held_out = ([piece for name, _ in half for piece in by_source[name]] for half in halves)
    train = _first(train, domain.characters)
    for part, texts in (("texts", train), ("held-out", held_out)):
        lines = b"".join(msgspec.json.encode({"text": text}) + b"\n" for text in texts)
        write_bytes(directory / f"{part}.jsonl", lines)
    return {
        "package": package.name,
        "version": package.version,
        "licence": domain.licence,
        "documents": len(train),
        "characters": sum(map(len, train)),
        "held_out_documents": len(held_out),
        "held_out_characters": sum(map(len, held_out)),
        "near_duplicates": len(pieces) - len(unique),
        "recipe": RECIPE,
    }


def _without_near_duplicates(pieces: list[Source]) -> list[Source]:
    words = [re.findall(r"\w+", text.lower()) for _, text in pieces]
    near = near_duplicates(as_dataset({"words": words}), seed=SEED)
    return [piece for piece, is_near in zip(pieces, near, strict=True) if not is_near]


def _first(texts: list[str], characters: int) -> list[str]:
    """As many texts from the first on as have no more than so many characters together."""
    kept, total = [], 0
    for text in texts:
        total += len(text)
        if total > characters:
            break
        kept.append(text)
    return kept


def _letters(text: str) -> float:
    """The share of letters among the characters that are not white."""
    shown = "".join(text.split())
    return sum(map(str.isalpha, shown)) / max(1, len(shown))
