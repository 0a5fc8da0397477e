"""The part of an answer that states it, without marks, citations and remarks around it."""

import re

__all__ = ["first_statement", "stated_answer"]

_MARK = re.compile(
    r"^[^\w\n]*(?:(?:the|my|final|exact)\s+){0,2}answer[\s*_`]*[:：]", re.IGNORECASE | re.MULTILINE
)
_REMARK = re.compile(
    r"^[^\w\n]*(?:explanation|confidence|reasoning|sources?|citations?|notes?)[\s*_`]*[:：].*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_CITATION = re.compile(r"\[[^\[\]\n]{1,200}\]")
_LIST_MARK = re.compile(r"^[ ]*(?:[-*•+]|(\d{1,3})[.)])[ ]+", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<!\b[A-Z])(?<!\b(?:St|Mt|Dr|No))[.!?](?=\s)|\n")


def stated_answer(text: str) -> str:
    """What follows the last `Answer:`, or the whole text where there is none.

    Citations in brackets go, and so do lines of explanation, confidence and the like, and the marks of lists.

    >>> stated_answer("Paris is large [fr].\\nExact answer: **Paris** [fr]\\nConfidence: 90%")
    '**Paris**'
    >>> stated_answer("1. Niger\\n2. Chad")
    'Niger\\nChad'
    """
    marks = list(_MARK.finditer(text))
    stated = text[marks[-1].end() :] if marks else text
    stated = _CITATION.sub("", _REMARK.sub("", stated))
    numbers = [int(match.group(1)) for match in _LIST_MARK.finditer(stated) if match.group(1)]
    # "68. That is the sum" states a number; "1. Niger, 2. Chad" on lines of their own are a list.
    if numbers and (numbers == [1] or numbers != list(range(1, len(numbers) + 1))):
        stated = re.sub(r"^[ ]*[-*•+][ ]+", "", stated, flags=re.MULTILINE)
    else:
        stated = _LIST_MARK.sub("", stated)
    return re.sub(r"[ \t]{2,}", " ", stated).strip()


def first_statement(stated: str) -> list[str]:
    """The sentences and lines of a stated answer, in order; the first that names something is the answer.

    >>> first_statement("N'Djamena. It lies in the west.")
    ["N'Djamena", 'It lies in the west.']
    """
    parts = (part.strip() for part in _SENTENCE_END.split(stated))
    return [part for part in parts if re.search(r"\w", part)]
