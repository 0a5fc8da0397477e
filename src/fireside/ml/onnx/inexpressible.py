"""What ONNX cannot express."""

from typing import Any

from fireside.core.errors import InputError
from fireside.ml.param.params import Params

__all__ = ["REASONS", "inexpressible", "refuse_skip"]

_HASHES = "it hashes strings, which ONNX has no operator for"
_LISTS = "it makes lists of vectors, which no tensor holds"
REASONS = {
    "BucketedRandomProjectionLSHModel": _LISTS,
    "FeatureHasher": _HASHES,
    "HashingTF": _HASHES,
    "MinHashLSHModel": _LISTS,
    "NGram": "it joins words that may have left-out ones between them",
    "SQLTransformer": "it runs SQL",
    "Word2VecModel": "it reads lists of strings, which no tensor holds",
}
"""Class of stage -> why it is never expressed."""


def inexpressible(stage: Params, why: str, remedy: str) -> InputError:
    """The error of a stage that cannot be exported.

    >>> from fireside.ml.feature import NGram
    >>> stage = NGram()._resetUid("NGram_1")
    >>> str(inexpressible(stage, "it joins words", "leave it out"))
    'NGram_1 cannot be exported: ONNX cannot express NGram here: it joins words; leave it out'
    """
    kind = type(stage).__name__
    return InputError(f"{stage.uid} cannot be exported: ONNX cannot express {kind} here: {why}; {remedy}")


def refuse_skip(stage: Any) -> None:
    """Raise where a stage leaves out rows: a graph answers as many as it is given."""
    if stage.getHandleInvalid() == "skip":
        raise inexpressible(stage, "handleInvalid='skip' leaves out rows", "set it to another value")
