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
from fireside.lm.evaluate.ruler import DocumentQuestion, QuestionSet, RulerTexts, read_hotpotqa, read_squad
from fireside.lm.evaluate.ruler.haystack import sentences_of
from fireside.recipes.convert_model import read_texts

__all__ = ["factbook_texts", "ruler_texts"]

CAPITAL = "Government: Capital - name"
FIELDS = {
    CAPITAL: "the capital",
    "Communications: Internet country code": "the internet country code",
    "People and Society: Nationality - adjective": "the adjective for the nationality",
    "Geography: Coastline": "the length of the coastline",
}
LONGEST_ANSWER = 24


def ruler_texts(
    haystack: Path | None = None, squad: Path | None = None, hotpotqa: Path | None = None
) -> RulerTexts:
    """The user's texts and questions, and the Factbook's for whatever is not given.

    Raises:
        InputError: a file cannot be read.
        MissingExtraError: something is not given and the Factbook is not installed.
    """
    if haystack is not None and squad is not None and hotpotqa is not None:
        default = RulerTexts()
    else:
        default = factbook_texts(read_factbook())
    return RulerTexts(
        sentences=default.sentences if haystack is None else sentences_of("\n".join(read_texts(haystack))),
        single_hop=default.single_hop if squad is None else read_squad(squad),
        multi_hop=default.multi_hop if hotpotqa is None else read_hotpotqa(hotpotqa),
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
