"""Whether a clause denies what it names: "not Niger", "any country other than Niger", "Niger is wrong"."""

from collections.abc import Sequence

from fireside.agents.benchmark.judge.words import Word

__all__ = ["is_negated"]

_NEGATIONS = frozenset(
    {"not", "never", "neither", "nor", "without", "except", "excluding", "unlike", "cannot"}
    | {"isnt", "arent", "wasnt", "werent", "dont", "doesnt"}
)
_NEGATED_AFTER = frozenset({"is", "are", "was", "were", "does", "do"})
_WRONG = frozenset({"not", "wrong", "incorrect", "false"})
_INSTEAD = ("other than", "rather than", "instead of", "apart from")


def is_negated(place: tuple[int, int], words: Sequence[Word]) -> bool:
    """Whether the clause around a place, given as (first word, past the last), denies it.

    >>> from fireside.agents.benchmark.judge.words import words_of
    >>> words = words_of("It is not Mali but Niger, and Chad is wrong")
    >>> [is_negated((at, at + 1), words) for at in (3, 5, 7)]
    [True, False, True]
    """
    first, end = place
    begin = first
    while begin > 0 and words[begin].gap in ("space", "hyphen") and words[begin - 1].form != "but":
        begin -= 1
    before = [word.form for word in words[begin:first]]
    if "only" in before and "not" in before:
        before.remove("not")
    if _NEGATIONS & set(before) or any(phrase in " ".join(before) for phrase in _INSTEAD):
        return True
    after = []
    for word in words[end : end + 3]:
        if word.gap not in ("space", "hyphen"):
            break
        after.append(word.form)
    if not after:
        return False
    return after[0] in _NEGATIONS - {"not"} or (after[0] in _NEGATED_AFTER and bool(_WRONG & set(after[1:2])))
