"""What RULER's tasks are made of where the user gives nothing: the World Factbook.

The haystack is the Factbook's background texts instead of Paul Graham's essays. Questions are asked over
paragraphs of profiles: `qa_1` for one field of a place, in place of SQuAD; `qa_2` for a field of the country
that has a certain capital, which takes two paragraphs, in place of HotpotQA. Scores on these cannot be
compared with published ones; on files of SQuAD and HotpotQA they can.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fireside.agents.corpus import Document
from fireside.agents.corpus.factbook import read_factbook
from fireside.agents.synthesis.factbook.names import NOT_PLACES, spoken
from fireside.core.config import config
from fireside.lm.evaluate.ruler import (
    RULER_TASKS,
    DocumentQuestion,
    QuestionSet,
    RulerTexts,
    read_hotpotqa,
    read_squad,
)
from fireside.lm.evaluate.ruler.haystack import sentences_of
from fireside.lm.evaluate.ruler.tasks import tasks_named
from fireside.recipes.convert_model import read_texts

__all__ = ["RulerFiles", "factbook_texts", "ruler_texts"]

CAPITAL = "Government: Capital - name"
FIELDS = {
    CAPITAL: "the capital",
    "Communications: Internet country code": "the internet country code",
    "People and Society: Nationality - adjective": "the adjective for the nationality",
    "Geography: Coastline": "the length of the coastline",
}
LONGEST_ANSWER = 24


@config
class RulerFiles:
    """Files of the user's own.

    Attributes:
        haystack: text of any kind that `read_texts` takes.
        squad: questions in SQuAD's format.
        hotpotqa: questions in HotpotQA's format, distractor setting.
    """

    haystack: Path | None = None
    squad: Path | None = None
    hotpotqa: Path | None = None


def ruler_texts(files: RulerFiles | None = None, tasks: Sequence[str] = ()) -> RulerTexts:
    """What tasks need: the user's texts and questions, and the Factbook's for whatever is not given.

    Args:
        files: of the user; none by default.
        tasks: names; all thirteen where there are none.

    Raises:
        InputError: a file cannot be read, or a task is unknown.
        MissingExtraError: something is not given and the Factbook is not installed.

    >>> ruler_texts(tasks=["vt", "cwe"])
    RulerTexts(sentences=(), single_hop=None, multi_hop=None)
    """
    files = files or RulerFiles()
    given = {
        name
        for name, file in (
            ("sentences", files.haystack),
            ("single_hop", files.squad),
            ("multi_hop", files.hotpotqa),
        )
        if file is not None
    }
    needed = {RULER_TASKS[task].needs for task in tasks_named(tuple(tasks))} - {None}
    default = factbook_texts(read_factbook()) if needed - given else RulerTexts()
    return RulerTexts(
        sentences=default.sentences
        if files.haystack is None
        else sentences_of("\n".join(read_texts(files.haystack))),
        single_hop=default.single_hop if files.squad is None else read_squad(files.squad),
        multi_hop=default.multi_hop if files.hotpotqa is None else read_hotpotqa(files.hotpotqa),
    )


def factbook_texts(documents: Sequence[Document]) -> RulerTexts:
    """Haystack and both sets of questions from profiles."""
    places = [one for one in documents if one.document_id not in NOT_PLACES]
    paragraphs: list[str] = []
    where: dict[tuple[str, str], int] = {}
    for place in places:
        for name in FIELDS:
            if value := place.fields.get(name):
                where[place.document_id, name] = len(paragraphs)
                section, field = name.split(": ", 1)
                paragraphs.append(f"{place.title}\n{section} of {spoken(place.title)}. {field}: {value}")
        if background := place.fields.get("Introduction: Background"):
            paragraphs.append(f"{place.title}\n{background[:400]}")
    capitals = Counter(place.fields.get(CAPITAL, "") for place in places)
    single, multi = [], []
    for place in places:
        capital = place.fields.get(CAPITAL, "")
        for name, words in FIELDS.items():
            answer = place.fields.get(name, "")
            if not answer or len(answer) > LONGEST_ANSWER:
                continue
            here = where[place.document_id, name]
            text = f"What is {words} of {spoken(place.title)}?"
            single.append(DocumentQuestion(text=text, answers=(answer,), supporting=(here,)))
            if name != CAPITAL and capital and capitals[capital] == 1:
                text = f"What is {words} of the country whose capital is {capital}?"
                both = (where[place.document_id, CAPITAL], here)
                multi.append(DocumentQuestion(text=text, answers=(answer,), supporting=both))
    return RulerTexts(
        sentences=sentences_of("\n".join(one.fields.get("Introduction: Background", "") for one in places)),
        single_hop=QuestionSet(tuple(single), tuple(paragraphs)),
        multi_hop=QuestionSet(tuple(multi), tuple(paragraphs)),
    )
