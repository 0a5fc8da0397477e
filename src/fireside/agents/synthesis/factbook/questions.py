"""All questions of the Factbook, from one seed."""

from collections.abc import Sequence

from fireside.agents.corpus import Document
from fireside.agents.question import Question
from fireside.agents.synthesis.factbook.conditions import all_constraints
from fireside.agents.synthesis.factbook.entity import entity_questions
from fireside.agents.synthesis.factbook.exhaustive import exhaustive_questions
from fireside.agents.synthesis.factbook.lookup import lookup_questions
from fireside.agents.synthesis.factbook.numeric import numeric_questions
from fireside.agents.synthesis.factbook.profile import read_profiles
from fireside.agents.synthesis.selection import SynthesisConfig, choose, split_documents
from fireside.core.seeding import RandomStreams

__all__ = ["factbook_questions"]


def factbook_questions(
    documents: Sequence[Document], settings: SynthesisConfig | None = None
) -> list[Question]:
    """Questions of four kinds from the profiles: training ones first, then held-out ones.

    Each answer is computed from the fields of the profiles and verified against all of them. Equal documents
    and settings give equal questions.

    Args:
        documents: all profiles, as `read_factbook` gives them; conditions are evaluated on all of them.
        settings: how many questions; the default settings where `None`.

    Raises:
        DocumentsError: the documents give fewer questions than `settings.min_questions` for a split.
    """
    settings = settings or SynthesisConfig()
    streams = RandomStreams(settings.seed)
    profiles = read_profiles(documents)
    splits = split_documents([profile.document_id for profile in profiles], settings)
    constraints = all_constraints(profiles)
    return choose(
        {
            "entity": list(entity_questions(profiles, constraints, splits, streams.generator("entity"))),
            "exhaustive": list(
                exhaustive_questions(profiles, constraints, splits, streams.generator("exhaustive"))
            ),
            "numeric": list(numeric_questions(profiles, splits, streams.generator("numeric"))),
            "lookup": list(lookup_questions(profiles, splits, streams.generator("lookup"))),
        },
        settings,
        source=f"{len(documents)} profiles",
    )
