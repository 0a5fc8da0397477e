"""Where a path leads that may be a URI, as Spark's paths may."""

import os
import re
from pathlib import Path

from fireside.core.errors import InputError

__all__ = ["local_path"]


def local_path(path: str | os.PathLike[str]) -> Path:
    """The place on this machine; of a `file:` URI, taken letter by letter as Spark does: `%20` is no space.

    Raises:
        InputError: a URI of another scheme, or of another machine.

    >>> local_path("file:///tmp/model").as_posix(), local_path("tmp/v:1").as_posix()
    ('/tmp/model', 'tmp/v:1')
    >>> local_path("s3://bucket/model")
    Traceback (most recent call last):
    fireside.core.errors.InputError: s3://bucket/model is not on this machine: ...
    """
    text = os.fspath(path)
    uri = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?=/)", text)
    if uri is None:
        return Path(text)
    rest = text[uri.end() :]
    if uri[1].lower() != "file" or re.match(r"//[^/]", rest):
        raise InputError(
            f"{text} is not on this machine: save to and load from a local directory (a path, or a URI "
            "such as file:///tmp/model), and copy that"
        )
    return Path("/" + rest.lstrip("/"))
