"""Lists of stop words, kept as data: one file a language, one word a line.

They are Spark's, which took them from Snowball by way of PostgreSQL (BSD licence).
"""

from functools import cache
from importlib.resources import files

from fireside.core.errors import InputError

__all__ = ["load_stop_words"]


def load_stop_words(language: str) -> list[str]:
    """The stop words of a language.

    Raises:
        InputError: there is no list for it.

    >>> load_stop_words("english")[:3]
    ['i', 'me', 'my']
    """
    return list(_read(language))


@cache
def _read(language: str) -> tuple[str, ...]:
    folder = files("fireside.ml.feature") / "data"
    known = sorted(entry.name.split(".")[0].split("_")[-1] for entry in folder.iterdir())
    if language not in known:
        raise InputError(f"no stop words for {language!r}: there are {', '.join(known)}")
    return tuple((folder / f"stop_words_{language}.txt").read_text("utf-8").split())
