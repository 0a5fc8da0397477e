"""What ONNX cannot express."""

from fireside.core.errors import InputError
from fireside.ml.param.params import Params

__all__ = ["inexpressible"]


def inexpressible(stage: Params, why: str, remedy: str) -> InputError:
    """The error of a stage that cannot be exported.

    >>> from fireside.ml.feature import NGram
    >>> stage = NGram()._resetUid("NGram_1")
    >>> str(inexpressible(stage, "it joins strings", "leave it out"))
    'NGram_1 cannot be exported: ONNX cannot express NGram here: it joins strings; leave it out'
    """
    kind = type(stage).__name__
    return InputError(f"{stage.uid} cannot be exported: ONNX cannot express {kind} here: {why}; {remedy}")
