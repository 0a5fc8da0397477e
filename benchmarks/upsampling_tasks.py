"""Multiple-choice tasks about the six domains, made from held-out documents only.

    order-<domain>    24 words of a document: in which order do the next six stand?
    words-<domain>    24 words of a document, a gap, and four more: which word stands in the gap?
    facts             24 words of a country's profile, a gap, and a value: which field has it?
    definitions       a headword and its part of speech: how does its definition start?

Looks cannot give the answer away. In `order` all choices are the same words, two neighbours swapped in the
wrong ones. In the others four candidates of like length, and words as common, make one item, and by lot one
of them is the truth, asked about in its own context: every choice is right equally often. Whole sentences are
no choices: words shared with the context would tell 55 to 80 % of them. They still tell half of `facts`, and
shared beginnings of words half of `definitions`.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.errors import InputError
from fireside.lm.evaluate.multiple_choice import MultipleChoiceItem
from upsampling_candidates import Candidate, Find, definitions, facts, phrases, words
from upsampling_texts import read_texts

__all__ = ["TASKS", "Task", "exchange", "reorder", "write_tasks"]

NUM_CHOICES = 4


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked about a domain.

    Attributes:
        domain: whose held-out documents are asked about.
        find: the places that can be asked about.
        arrange: makes items of candidates, the most wanted number, by lot.
    """

    domain: str
    find: Find
    arrange: Callable[[Sequence[Candidate], int, random.Random], list[MultipleChoiceItem]]


def write_tasks(
    folders: Mapping[str, Path], directory: Path, *, num_items: int = 400, seed: int = 0
) -> dict[str, Path]:
    """Write `directory/<task>.jsonl` for every task about the given domains.

    Args:
        folders: where the texts of each domain lie, as `write_texts` returns them.
        directory: for the tasks alone.
        num_items: the most items of one task; the held-out documents may hold fewer.
        seed: of all lots.

    Returns:
        The file of each task.

    Raises:
        InputError: the held-out documents of a domain do not make one item.
    """
    paths = {}
    for name, task in TASKS.items():
        if task.domain not in folders:
            continue
        held_out, trained = (
            task.find(read_texts(folders[task.domain] / f"{part}.jsonl")) for part in ("held-out", "texts")
        )
        known = {candidate.place for candidate in trained}
        fresh = [candidate for candidate in held_out if candidate.place not in known]
        items = task.arrange(fresh, num_items, random.Random(seed))
        if not items:
            raise InputError(
                f"{len(fresh)} candidates make no item of {name}: hold out more of {task.domain}"
            )
        paths[name] = directory / f"{name}.jsonl"
        write_bytes(paths[name], b"".join(msgspec.json.encode(item) + b"\n" for item in items))
    return paths


def exchange(
    candidates: Sequence[Candidate], num_items: int, lots: random.Random, *, repeated: bool = False
) -> list[MultipleChoiceItem]:
    """Four candidates near in size and about different things, one of which is asked about.

    Each candidate is used at most once, and each continuation too unless `repeated`; answers stand in each
    place equally often.

    >>> names = ["zero", "one", "two", "three"]
    >>> found = [Candidate(f"{n} is", f" {name}", name) for n, name in enumerate(names)]
    >>> (item,) = exchange(found, 1, random.Random(0))
    >>> item.context, item.choices[item.answer]
    ('2 is', ' two')
    """
    shuffled = lots.sample(candidates, len(candidates))
    unique = {one.place if repeated else one.continuation: one for one in shuffled}
    groups = list(_groups(list(unique.values())))
    lots.shuffle(groups)
    items = []
    for number, group in enumerate(groups[:num_items]):
        lots.shuffle(group)
        answer = number % NUM_CHOICES
        choices = [candidate.continuation + group[answer].rest for candidate in group]
        items.append(MultipleChoiceItem(context=group[answer].context, choices=choices, answer=answer))
    return items


def reorder(candidates: Sequence[Candidate], num_items: int, lots: random.Random) -> list[MultipleChoiceItem]:
    """A phrase as it stands, and three times with two neighbours swapped.

    >>> (item,) = reorder([Candidate("The", " lake is deep and cold")], 1, random.Random(0))
    >>> item.choices[item.answer], sorted(item.choices[1].split())
    (' lake is deep and cold', ['and', 'cold', 'deep', 'is', 'lake'])
    """
    items = []
    for number, candidate in enumerate(lots.sample(candidates, min(num_items, len(candidates)))):
        answer = number % NUM_CHOICES
        words = candidate.continuation.split()
        choices = []
        for place in lots.sample(range(len(words) - 1), NUM_CHOICES - 1):
            swapped = [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
            choices.append("".join(f" {word}" for word in swapped))
        choices.insert(answer, candidate.continuation)
        items.append(MultipleChoiceItem(context=candidate.context, choices=choices, answer=answer))
    return items


def _groups(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Neighbours by size, each about something else; those that wait for too long are left out."""
    waiting: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda candidate: candidate.size):
        waiting.append(candidate)
        group = list({one.about: one for one in reversed(waiting)}.values())
        if len(group) == NUM_CHOICES:
            yield group
            waiting = [one for one in waiting if one not in group]
        del waiting[: -4 * NUM_CHOICES]


_PROSE = ("kernel", "postgres", "python", "speeches", "dictionary")
TASKS = {
    **{f"order-{domain}": Task(domain, phrases, reorder) for domain in (*_PROSE, "factbook")},
    **{f"words-{domain}": Task(domain, words, exchange) for domain in _PROSE},
    "facts": Task("factbook", facts, partial(exchange, repeated=True)),
    "definitions": Task("dictionary", definitions, exchange),
}
