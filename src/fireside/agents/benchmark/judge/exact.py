"""The exact judge: deterministic, offline, and not to be won by naming everything.

The rule, in full:

1. What counts is the stated answer (see `stated`): what follows `Answer:`, without citations and remarks.
2. A nugget stands there where its words, or those of an alias, follow one another, up to case, accents,
   articles and punctuation. It does not where they are part of a longer name ("Guinea" in "Equatorial
   Guinea", "Niger" in "Niger River"), or where they are negated ("not Niger").
3. A nugget with a number stands there where a number does whose value, scale words and unit converted, is
   within the tolerance. Numbers of the question and years such as "(2023 est.)" are passed over.
4. Of a question with one nugget, only the first sentence that puts anything forward counts, and in it only
   the first candidate (see `candidates`), because a second guess is not an answer; with more than
   `MAX_CANDIDATES` candidates nothing counts.
5. Of a question with n nuggets, nothing counts in an answer with more than n + max(2, n // 2) candidates.
6. The label is `support`; or `partial_support`, which scores nothing, where the nugget is both stated and
   negated, stands beside an alternative ("Niger or Chad"), or has its number in another kind of unit.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from fireside.agents.benchmark.judge.candidates import NameTest, candidates, is_name, name_test
from fireside.agents.benchmark.judge.judgement import Judgement, Label
from fireside.agents.benchmark.judge.negation import is_negated
from fireside.agents.benchmark.judge.numbers import Mention, convert, find_numbers
from fireside.agents.benchmark.judge.stated import first_statement, stated_answer
from fireside.agents.benchmark.judge.words import Word, find_words, words_of
from fireside.agents.question import Nugget, Question

__all__ = ["MAX_CANDIDATES", "ExactJudge"]

MAX_CANDIDATES = 4
"""How much one statement may put forward where one thing is asked: the answer, and what it is said of it."""

_ORDER: tuple[Label, ...] = ("support", "partial_support", "not_support")


class ExactJudge:
    """Labels nuggets by the rule above.

    >>> from fireside.agents.question import Nugget, Question
    >>> question = Question(question_id="q", text="Which country borders Benin and Chad?", kind="entity",
    ...     nuggets=(Nugget("Niger"),), document_ids=("niger",), split="train")
    >>> [ExactJudge().judge(question, answer).score for answer in ("It is Niger.", "Nigeria", "not Niger")]
    [1.0, 0.0, 0.0]
    """

    name = "exact-1"

    def judge(self, question: Question, answer: str) -> Judgement:
        """One label for each nugget; an empty answer supports none."""
        stated = stated_answer(answer)
        labels = (
            _labels_of_one(question, stated)
            if len(question.nuggets) == 1
            else _labels_of_many(question, stated)
        )
        return Judgement(question_id=question.question_id, judge=self.name, labels=labels)

    def judge_many(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Judgement]:
        """`judge` for each pair, in order."""
        return [self.judge(question, answer) for question, answer in zip(questions, answers, strict=True)]


def _labels_of_one(question: Question, stated: str) -> tuple[Label, ...]:
    """Rule 4: the first candidate of the first statement that has one."""
    (nugget,) = question.nuggets
    find = _numeric_statement if nugget.number is not None else _named_statement
    for statement in first_statement(stated):
        label = find(question, nugget, statement)
        if label is not None:
            return (label,)
    return ("not_support",)


def _named_statement(question: Question, nugget: Nugget, statement: str) -> Label | None:
    """The label of a nugget in one statement; `None` where that puts nothing forward."""
    words = words_of(statement)
    asked = words_of(question.text)
    stands, negated = _places(nugget, words, asked)
    put_forward = candidates(words, stands, _known(question, asked), names=_names([nugget]))
    if not put_forward:
        return "not_support" if negated else None
    if len(put_forward) > MAX_CANDIDATES or not put_forward[0].nugget:
        return "not_support"
    hedged = any(candidate.alternative and not candidate.nugget for candidate in put_forward[:2])
    return "partial_support" if hedged or negated else "support"


def _numeric_statement(question: Question, nugget: Nugget, statement: str) -> Label | None:
    """As `_named_statement`, for a nugget with a number."""
    # Of "2 + 3 = 5" the result is stated, the rest is how it came about.
    mentions = _offered_numbers(question, nugget, statement.rpartition("=")[2])
    if not mentions:
        return None
    if len(mentions) > MAX_CANDIDATES:
        return "not_support"
    return _number_label(nugget, mentions[0])


def _labels_of_many(question: Question, stated: str) -> tuple[Label, ...]:
    """Rule 5: every nugget anywhere in the stated answer, unless too much is put forward."""
    words = words_of(stated)
    asked = words_of(question.text)
    places = [([], []) if n.number is not None else _places(n, words, asked) for n in question.nuggets]
    found = list(chain.from_iterable(stands for stands, _ in places))
    named = [nugget for nugget in question.nuggets if nugget.number is None]
    put_forward = candidates(words, found, _known(question, asked), names=_names(named)) if named else []
    numbers = [
        set(_offered_numbers(question, n, stated)) if n.number is not None else set()
        for n in question.nuggets
    ]
    count = len(put_forward) + len(set().union(*numbers))
    most = len(question.nuggets) + max(2, len(question.nuggets) // 2)
    if count > most:
        return tuple("not_support" for _ in question.nuggets)
    return tuple(
        _best(_number_label(nugget, mention) for mention in offered)
        if nugget.number is not None
        else _place_label(*place)
        for nugget, place, offered in zip(question.nuggets, places, numbers, strict=True)
    )


def _best(labels: Iterable[Label]) -> Label:
    return min(labels, key=_ORDER.index, default="not_support")


def _place_label(stands: list[tuple[int, int]], negated: list[tuple[int, int]]) -> Label:
    if not stands:
        return "not_support"
    return "partial_support" if negated else "support"


def _places(
    nugget: Nugget, words: list[Word], asked: list[Word]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where a nugget is stated, and where it is negated; places inside longer names are neither."""
    test = name_test(words)
    stands: list[tuple[int, int]] = []
    negated: list[tuple[int, int]] = []
    for text in (nugget.text, *nugget.aliases):
        for place in find_words(words_of(text), words):
            if is_name(text) and _inside_a_name(place, words, asked, test):
                continue
            (negated if is_negated(place, words) else stands).append(place)
    # Of two places that overlap ("Congo" and "Republic of the Congo"), the longer is the one that is meant.
    return _outermost(stands), _outermost(negated)


def _outermost(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for first, end in sorted(set(places), key=lambda place: (place[0] - place[1], place)):
        if all(end <= start or past <= first for start, past in kept):
            kept.append((first, end))
    return sorted(kept)


def _inside_a_name(place: tuple[int, int], words: list[Word], asked: list[Word], test: NameTest) -> bool:
    """Whether the words beside a place belong to the same name."""
    first, end = place
    forms = [word.form for word in asked]

    def belongs(word: Word, phrase: list[str], gap: str) -> bool:
        if gap == "hyphen":
            return True
        if gap != "space" or not test(word):
            return False
        # "N'Djamena Chad": Chad is what was asked about, unless the question has the two as one name.
        return word.form not in forms or _has(forms, phrase)

    here = [word.form for word in words[first:end]]
    if first > 0 and belongs(words[first - 1], [words[first - 1].form, *here], words[first].gap):
        return True
    if end == len(words):
        return False
    # Without capitals "niger river" looks like "niger borders ..."; only a last word is taken for a name.
    last = end + 1 == len(words) or words[end + 1].gap in ("comma", "stop")
    named = last or words[end].capital or words[end].gap == "hyphen"
    return named and belongs(words[end], [*here, words[end].form], words[end].gap)


def _has(forms: list[str], phrase: list[str]) -> bool:
    return any(forms[at : at + len(phrase)] == phrase for at in range(len(forms)))


def _known(question: Question, asked: list[Word]) -> set[str]:
    """Words that an answer may repeat; none where the question itself offers the answers to choose from."""
    forms = [word.form for word in asked]
    texts = chain.from_iterable((nugget.text, *nugget.aliases) for nugget in question.nuggets)
    if any(_has(forms, [word.form for word in words_of(text)]) for text in texts):
        return set()
    return set(forms)


def _names(nuggets: Sequence[Nugget]) -> bool:
    return all(is_name(nugget.text) for nugget in nuggets)


def _offered_numbers(question: Question, nugget: Nugget, statement: str) -> list[Mention]:
    """Numbers that are not the question's own and not dates, unless a date is what is asked for."""
    asked = {mention.value for mention in find_numbers(question.text)} - {nugget.number}
    dates = nugget.unit == "year"
    return [
        mention
        for mention in find_numbers(statement)
        if mention.value not in asked and (dates or not mention.is_date)
    ]


def _number_label(nugget: Nugget, mention: Mention) -> Label:
    assert nugget.number is not None
    value = convert(mention.value, mention.unit, nugget.unit)
    if value is None:
        # The right figure of the wrong thing.
        near = abs(mention.value - nugget.number) <= nugget.tolerance
        return "partial_support" if near else "not_support"
    return "support" if abs(value - nugget.number) <= nugget.tolerance * (1 + 1e-9) else "not_support"
