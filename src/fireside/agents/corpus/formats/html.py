"""HTML pages."""

from fireside.agents.corpus.formats.content import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.formats.plain import text_of
from fireside.agents.corpus.markup import html_to_document
from fireside.agents.corpus.pairs import key_value_pairs
from fireside.agents.corpus.text import clean_text

__all__ = ["read_html"]


def read_html(data: bytes, limits: ReadingLimits) -> Content:
    """What a reader of the page would see, without scripts; nothing is fetched.

    Raises:
        UnreadableError: it is not text, or its tags are nested too deeply.

    >>> read_html(b"<title>T</title><img src='http://a/b'><p>Owner: Ada</p>", ReadingLimits())
    Content(text='Owner: Ada', title='T', pairs=[('Owner', 'Ada')], left_out='')
    """
    try:
        title, text, pairs = html_to_document(text_of(data, limits))
    except RecursionError as error:
        raise UnreadableError("its tags are nested too deeply") from error
    text = clean_text(text)
    tabled = set(pairs)
    written = [
        (name, value)
        for name, value in key_value_pairs(text, title)
        # A row of a table became one line of several values; what it says is named already.
        if (name.rpartition(" - ")[2], value) not in tabled and "; " not in value
    ]
    return Content(text, title, [*pairs, *written])
