"""Text of others, made safe for a terminal."""

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""A text whose control characters are written as Python writes them.

    >>> print(printable("é \x1b[2J\n"))
    é \x1b[2J\n
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
