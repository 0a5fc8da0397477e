"""Lower case as Java has it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["is_ascii", "lower_case", "lower_one"]


def lower_case(column: pa.StringArray) -> pa.StringArray:
    """Each string in lower case, as Java's `toLowerCase` in the root locale.

    Arrow's kernel maps letter by letter. Two letters need more: a dotted capital I becomes two characters,
    and a capital sigma depends on its neighbours. Python knows both rules, so those rows go through it.

    >>> lower_case(pa.array(["Ab", "ΑΣ Σ"])).to_pylist()
    ['ab', 'ας σ']
    """
    if is_ascii(column):
        return pc.ascii_lower(column)
    lowered = pc.utf8_lower(column)
    special = pc.match_substring_regex(column, "[\u0130\u03a3]")
    if not pc.any(special).as_py():
        return lowered
    rows = np.flatnonzero(pc.fill_null(special, False).to_numpy(zero_copy_only=False))
    fixed = pa.array([text.lower() for text in column.take(pa.array(rows)).to_pylist()], pa.string())
    return pc.replace_with_mask(lowered, special, fixed)


def is_ascii(column: pa.StringArray) -> bool:
    """Whether all characters of a column are ASCII.

    >>> is_ascii(pa.array(["a", None])), is_ascii(pa.array(["é"]))
    (True, False)
    """
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return True
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(data, np.int8)[bounds[0] : bounds[-1]]
    return not len(text) or int(text.min()) >= 0


def lower_one(text: str) -> str:
    """`lower_case` of one string.

    >>> lower_one("Ab"), lower_one("ΑΣ")
    ('ab', 'ας')
    """
    # Of other letters Python may know more than Arrow does, and the two must agree.
    return text.lower() if text.isascii() else str(lower_case(pa.array([text]))[0])
