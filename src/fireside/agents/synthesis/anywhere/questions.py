"""All questions of a user's documents, from one seed."""

from collections.abc import Sequence
from itertools import chain

from fireside.agents.corpus import Document
from fireside.agents.question import Kind, Question
from fireside.agents.synthesis.anywhere.definitions import definition_questions
from fireside.agents.synthesis.anywhere.mentions import (
    mention_questions,
    pair_questions,
    shared_value_questions,
)
from fireside.agents.synthesis.anywhere.reference import references
from fireside.agents.synthesis.anywhere.values import sum_questions, value_questions
from fireside.agents.synthesis.selection import KINDS, SynthesisConfig, choose, split_documents
from fireside.core.seeding import RandomStreams

__all__ = ["document_questions"]

_MAKERS = {
    "values": value_questions,
    "sums": sum_questions,
    "mentions": mention_questions,
    "pairs": pair_questions,
    "shared": shared_value_questions,
    "definitions": definition_questions,
}


def document_questions(
    documents: Sequence[Document], settings: SynthesisConfig | None = None
) -> list[Question]:
    """Questions of up to four kinds from any documents: training ones first, then held-out ones.

    Lookups and numbers come from named values and tables, sums and differences from columns, entities and
    lists from names that the documents mention, lookups also from sentences that define a term. Nothing is
    invented: every answer stands in, or is computed from, the documents. Equal documents and settings give
    equal questions.

    Args:
        documents: as `read_folder` gives them.
        settings: how many questions; the default settings where `None`.

    Raises:
        DocumentsError: a split has fewer than `settings.min_questions`; the message says how many there are.
    """
    settings = settings or SynthesisConfig()
    streams = RandomStreams(settings.seed)
    named = references(documents)
    splits = split_documents([document.document_id for document in documents], settings)
    made = chain.from_iterable(make(named, splits, streams.generator(name)) for name, make in _MAKERS.items())
    pools: dict[Kind, list[Question]] = {kind: [] for kind in KINDS}
    for question in made:
        pools[question.kind].append(question)
    return choose(pools, settings, source=f"{len(documents)} documents")
