"""Multiple-choice tasks about the six domains, made from held-out documents only.

    definitions                a headword and its part of speech: which definition?
    facts                      the end of a country's profile and the name of a field: which value?
    continuations-<domain>     64 words of a document: which sentence comes next?

Choices cannot give the answer away. Four candidates of like length, from four documents or fields, make one
item; by lot one of them is the truth, asked about in its own context. So every choice is right equally often,
whatever it looks like, and whoever does not read the context is right once in four.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.errors import InputError
from fireside.lm.evaluate.multiple_choice import MultipleChoiceItem
from upsampling_texts import read_texts

__all__ = ["TASKS", "Candidate", "arrange", "continuations", "definitions", "facts", "write_tasks"]

NUM_CHOICES = 4
CONTEXT_WORDS = 64
SHORTEST, LONGEST = 30, 160


class Candidate(NamedTuple):
    """A continuation, what stands before it, and what it is about: no two choices are about the same."""

    context: str
    continuation: str
    about: str


def write_tasks(
    folders: Mapping[str, Path], directory: Path, *, num_items: int = 500, seed: int = 0
) -> dict[str, Path]:
    """Write `directory/<task>.jsonl` for every task about the given domains.

    Args:
        folders: where the texts of each domain lie, as `write_texts` returns them.
        directory: for the tasks alone.
        num_items: the most items of one task; the held-out documents may hold fewer.
        seed: of the choice of candidates, their grouping and the places of the answers.

    Returns:
        The file of each task.

    Raises:
        InputError: the held-out documents of a domain do not make one item.
    """
    paths = {}
    for task, (domain, candidates) in TASKS.items():
        if domain not in folders:
            continue
        known = {one.continuation for one in candidates(read_texts(folders[domain] / "texts.jsonl"))}
        held_out = candidates(read_texts(folders[domain] / "held-out.jsonl"))
        fresh = [one for one in held_out if one.continuation not in known]
        items = arrange(fresh, num_items=num_items, seed=seed)
        paths[task] = directory / f"{task}.jsonl"
        write_bytes(paths[task], b"".join(msgspec.json.encode(item) + b"\n" for item in items))
    return paths


def arrange(candidates: Sequence[Candidate], *, num_items: int, seed: int) -> list[MultipleChoiceItem]:
    """Items of four candidates of like length that are about different things; each is used at most once.

    Raises:
        InputError: the candidates do not make one item.

    >>> words = ["zero", "one", "two", "three"]
    >>> candidates = [Candidate(f"{n} is written", f" {word}", word) for n, word in enumerate(words)]
    >>> (item,) = arrange(candidates, num_items=1, seed=0)
    >>> item.context, item.choices[item.answer]
    ('2 is written', ' two')
    """
    lots = random.Random(seed)
    pool = list({candidate.continuation: candidate for candidate in candidates}.values())
    lots.shuffle(pool)
    groups = list(_groups(pool[: 2 * num_items * NUM_CHOICES]))
    if not groups:
        raise InputError(f"{len(candidates)} candidates make no item of {NUM_CHOICES}: give more documents")
    lots.shuffle(groups)
    items = []
    for number, group in enumerate(groups[:num_items]):
        lots.shuffle(group)
        answer = number % NUM_CHOICES
        choices = [candidate.continuation for candidate in group]
        items.append(MultipleChoiceItem(context=group[answer].context, choices=choices, answer=answer))
    return items


def definitions(texts: Iterable[str]) -> Iterator[Candidate]:
    r"""What each entry of a dictionary says first.

    >>> list(definitions(["Wayed, a.\n1. Used to the way, as a horse is; broken. [R.]"]))
    [Candidate(context='Wayed, a.', continuation='\nUsed to the way, as a horse is; broken.', about='wayed')]
    """
    for text in texts:
        for entry in text.split("\n\n"):
            head, _, body = entry.partition("\n")
            first = re.sub(r"^\d+\. ", "", body.partition("\n")[0])
            sentence = re.match(r"[^\[]*?[.](?= |$)(?! [a-z])", first)
            if sentence is not None and not re.match(r"(See|Same as|same as) ", first):
                yield from _candidate(head, "\n" + sentence[0], about=head.partition(",")[0].lower())


def facts(texts: Iterable[str]) -> Iterator[Candidate]:
    r"""Each value of a profile, after the lines before it and the name of its field.

    >>> profile = "## Geography\nLocation: Western Africa\nClimate: tropical; hot with two rainy seasons"
    >>> list(facts([profile]))[-1]
    Candidate(context='## Geography\nLocation: Western Africa\nClimate:',
              continuation=' tropical; hot with two rainy seasons', about='Climate')
    """
    for text in texts:
        for line in re.finditer(r"^([A-Z][^:\n]*(?:: [^:\n]*)?):( .+)$", text, re.M):
            yield from _candidate(_last_words(text[: line.end(1) + 1]), line[2], about=line[1])


def continuations(texts: Iterable[str]) -> Iterator[Candidate]:
    """Each sentence that follows another one in its paragraph, after the words before it."""
    for number, text in enumerate(texts):
        for found in re.finditer(r"(?<=[a-z)][.?!])( [A-Z][^\n]*?[a-z)][.?!])(?= [A-Z]|\n|$)", text):
            yield from _candidate(_last_words(text[: found.start()]), found[1], about=str(number))


def _candidate(context: str, continuation: str, *, about: str) -> Iterator[Candidate]:
    if SHORTEST <= len(continuation) <= LONGEST:
        yield Candidate(context, continuation, about)


def _last_words(text: str) -> str:
    """The text from its 64th word from the end, spaces and lines as they are."""
    starts = [word.start() for word in re.finditer(r"\S+", text[-2_000:])]
    return text[-2_000:][starts[-CONTEXT_WORDS] :] if len(starts) > CONTEXT_WORDS else text.lstrip()


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Neighbours by length, each about something else."""
    waiting: list[Candidate] = []
    group: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda candidate: len(candidate.continuation)):
        waiting.append(candidate)
        for other in list(waiting):
            if other.about not in {one.about for one in group}:
                waiting.remove(other)
                group.append(other)
            if len(group) == NUM_CHOICES:
                yield group
                group = []
        del waiting[:-NUM_CHOICES]


TASKS = {
    "definitions": ("dictionary", definitions),
    "facts": ("factbook", facts),
    **{
        f"continuations-{domain}": (domain, continuations)
        for domain in ("kernel", "postgres", "python", "speeches")
    },
}
