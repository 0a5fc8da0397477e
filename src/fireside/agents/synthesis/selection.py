"""Which of many possible questions are taken: split by document, balanced over kinds, none twice."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import numpy as np

from fireside.agents.question import Kind, Nugget, Question, Split
from fireside.core.config import config
from fireside.core.errors import ConfigError, DocumentsError
from fireside.core.seeding import RandomStreams

__all__ = ["KINDS", "SynthesisConfig", "choose", "draft", "gives_away", "split_documents"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@config
class SynthesisConfig:
    """How many questions are made.

    Attributes:
        num_train: training questions, spread evenly over the kinds as far as the documents allow.
        num_heldout: held-out questions, likewise.
        heldout_share: share of the documents that only held-out questions may rest on.
        min_questions: fewer than this many of either split are an error.
        seed: everything that is drawn; equal seeds give equal questions.
    """

    num_train: int = 400
    num_heldout: int = 120
    heldout_share: float = 0.35
    min_questions: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_train < 1 or self.num_heldout < 1 or self.min_questions < 1:
            raise ConfigError(
                f"num_train is {self.num_train}, num_heldout {self.num_heldout}, min_questions "
                f"{self.min_questions}: give 1 or more of each"
            )
        if not 0 < self.heldout_share < 1:
            raise ConfigError(f"heldout_share is {self.heldout_share}: give a share between 0 and 1")


def draft(
    kind: Kind, text: str, nuggets: Iterable[Nugget], document_ids: Iterable[str], split: Split
) -> Question:
    """A question whose id follows from its kind and text.

    >>> draft("lookup", "What is the capital of Chad?", [Nugget("N'Djamena")], ["chad"], "train").question_id
    'lookup-...'
    """
    digest = hashlib.blake2b(f"{kind}\x1f{text}".encode(), digest_size=6).hexdigest()
    return Question(
        question_id=f"{kind}-{digest}",
        text=text,
        kind=kind,
        nuggets=tuple(nuggets),
        document_ids=tuple(sorted(set(document_ids))),
        split=split,
    )


def gives_away(text: str, answer: str) -> bool:
    """Whether a question has its answer among its words.

    >>> gives_away("What is the capital of Luxembourg?", "Luxembourg"), gives_away("What is it of?", "F")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.IGNORECASE) is not None


def split_documents(document_ids: Iterable[str], settings: SynthesisConfig) -> dict[str, Split]:
    """Each document to one split, at random; with two documents or more, neither split is empty.

    >>> sorted(split_documents("abc", SynthesisConfig()).values())
    ['heldout', 'train', 'train']
    """
    ids = sorted(set(document_ids))
    order = RandomStreams(settings.seed).generator("split").permutation(len(ids))
    num_heldout = min(max(1, round(settings.heldout_share * len(ids))), max(len(ids) - 1, 0))
    heldout = {ids[at] for at in order[:num_heldout]}
    return {name: "heldout" if name in heldout else "train" for name in ids}


def choose(
    pools: Mapping[Kind, Sequence[Question]], settings: SynthesisConfig, *, source: str
) -> list[Question]:
    """Training questions, then held-out ones, in a random order that mixes the kinds.

    Args:
        pools: candidates of each kind; those with a text that came before are passed over.
        settings: how many.
        source: what the questions are made from, for the error.

    Raises:
        DocumentsError: there are too few; the message says how many of which kind there are.
    """
    chosen: list[Question] = []
    texts: set[str] = set()
    for split, wanted in (("train", settings.num_train), ("heldout", settings.num_heldout)):
        unique: dict[Kind, list[Question]] = {kind: [] for kind in KINDS}
        for kind in KINDS:
            for question in pools.get(kind, ()):
                if question.split == split and question.text.casefold() not in texts:
                    texts.add(question.text.casefold())
                    unique[kind].append(question)
        generator = RandomStreams(settings.seed).generator(f"choose {split}")
        taken = _balanced(unique, wanted, generator)
        if len(taken) < settings.min_questions:
            counts = ", ".join(f"{len(found)} {kind}" for kind, found in unique.items())
            raise DocumentsError(
                f"only {len(taken)} {split} questions can be made from {source} ({counts}), fewer than "
                f"min_questions = {settings.min_questions}: add documents, above all ones with tables, JSON, "
                "CSV or lines of `Key: value`"
            )
        chosen += (taken[at] for at in generator.permutation(len(taken)))
    return chosen


def _balanced(
    pools: Mapping[Kind, Sequence[Question]], wanted: int, generator: np.random.Generator
) -> list[Question]:
    """As equal a number of each kind as there are, at random within a kind."""
    shuffled = {
        kind: [pool[at] for at in generator.permutation(len(pool))] for kind, pool in pools.items() if pool
    }
    taken: list[Question] = []
    while shuffled and len(taken) < wanted:
        share = max(1, (wanted - len(taken)) // len(shuffled))
        for kind in list(shuffled):
            room = min(share, wanted - len(taken))
            taken += shuffled[kind][:room]
            shuffled[kind] = shuffled[kind][room:]
            if not shuffled[kind]:
                del shuffled[kind]
    return taken
