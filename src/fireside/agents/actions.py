"""What the model can do: search or answer. Every text is exactly one action.

The syntax is a line `Search: QUERY` or `Answer: TEXT [DOCUMENT]`, kept small enough for a model of a hundred
million parameters. Reading it is tolerant (case, Markdown, list marks, the value on the next line) and total.
The first action of a text counts; what follows it is the model talking to itself.
"""

import re
from dataclasses import dataclass

__all__ = ["ACTION_MARK", "Action", "Answer", "Invalid", "Search", "parse_action"]

MAX_QUERY_CHARS = 200

ACTION_MARK = re.compile(r"\b(search|query|answer)\b[\s*_`\"']*[:：]", re.IGNORECASE)
"""What makes a line an action; text from outside must not contain it (see `tools.neutralise`)."""

# At most a few words such as "Final" or "My next", list marks and Markdown may stand before the mark.
_ACTION_LINE = re.compile(
    r"^[^\w\n]*(?:\d+[.)][^\w\n]*)?(?:(?:the|my|final|next|exact)[^\w\n]+){0,2}" + ACTION_MARK.pattern,
    re.IGNORECASE | re.MULTILINE,
)
_CITATION = re.compile(r"\[([^\[\]\n]{1,200})\]")


@dataclass(frozen=True, slots=True)
class Search:
    """Look for passages."""

    query: str


@dataclass(frozen=True, slots=True)
class Answer:
    """End with an answer.

    Attributes:
        text: the exact answer, without citations.
        citations: what stands in brackets, in order, each once.
        explanation: what was written before the answer.
    """

    text: str
    citations: tuple[str, ...] = ()
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Invalid:
    """No action; `reason` is a sentence the model can be told."""

    reason: str


Action = Search | Answer | Invalid


def parse_action(text: str) -> Action:
    """The one action of a text.

    >>> parse_action("Search: population of France")
    Search(query='population of France')
    >>> parse_action("It is in [fr].\\n**Answer:** Paris [fr, de]")
    Answer(text='Paris', citations=('fr', 'de'), explanation='It is in [fr].')
    >>> parse_action("I think it is Paris.")
    Invalid(reason='Your turn had no line "Search: ..." or "Answer: ...".')
    """
    mark = _ACTION_LINE.search(text)
    if mark is None:
        return Invalid('Your turn had no line "Search: ..." or "Answer: ...".')
    following = _ACTION_LINE.search(text, mark.end())
    value = text[mark.end() : following.start() if following else len(text)].strip(" \t\r\n*_`\"'")
    if mark.group(1).lower() == "answer":
        return _answer(value, explanation=text[: mark.start()].strip())
    return _search(value)


def _search(value: str) -> Action:
    query = " ".join(_CITATION.sub(r"\1", value).split("\n")[0].split()).strip("\"'`*")
    if not re.search(r"\w", query):
        return Invalid('"Search:" had no query after it.')
    return Search(query[:MAX_QUERY_CHARS])


def _answer(value: str, explanation: str) -> Action:
    answer = "\n".join(" ".join(line.split()) for line in _CITATION.sub("", value).split("\n"))
    # A citation before a full stop leaves a space there.
    answer = re.sub(r" +([.,;])", r"\1", answer).strip()
    if not re.search(r"\w", answer):
        return Invalid('"Answer:" had no answer after it.')
    cited = (name.strip() for part in _CITATION.findall(f"{explanation} {value}") for name in part.split(","))
    return Answer(answer, tuple(dict.fromkeys(name for name in cited if name)), explanation)
