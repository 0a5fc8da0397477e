"""Lower case as Java has it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["lower_case", "lower_one"]


def lower_case(column: pa.StringArray) -> pa.StringArray:
    """Each string in lower case, as Java's `toLowerCase` in the root locale.

    Arrow's kernel maps letter by letter. Two letters need more: a dotted capital I becomes two characters,
    and a capital sigma depends on its neighbours. Python knows both rules, so those rows go through it.

    >>> lower_case(pa.array(["Ab", "ΑΣ Σ"])).to_pylist()
    ['ab', 'ας σ']
    """
    lowered = pc.utf8_lower(column)
    special = pc.match_substring_regex(column, "[\u0130\u03a3]")
    if not pc.any(special).as_py():
        return lowered
    rows = np.flatnonzero(pc.fill_null(special, False).to_numpy(zero_copy_only=False))
    fixed = pa.array([text.lower() for text in column.take(pa.array(rows)).to_pylist()], pa.string())
    return pc.replace_with_mask(lowered, special, fixed)


def lower_one(text: str) -> str:
    """`lower_case` of one string.

    >>> lower_one("Ab"), lower_one("ΑΣ")
    ('ab', 'ας')
    """
    # Of other letters Python may know more than Arrow does, and the two must agree.
    return text.lower() if text.isascii() else str(lower_case(pa.array([text]))[0])
