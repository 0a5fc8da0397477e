"""Part files, as Spark names them."""

import uuid
from pathlib import Path

from fireside.core.errors import CheckpointError

__all__ = ["part_files", "part_name"]


def part_name(suffix: str) -> str:
    """A new name such as `part-00000-<uuid>-c000.txt`."""
    return f"part-00000-{uuid.uuid4()}-c000.{suffix}"


def part_files(directory: Path, suffix: str = "") -> list[Path]:
    """The part files of a directory, in order.

    Raises:
        CheckpointError: there are none.
    """
    files = sorted(path for path in directory.glob("part-*") if path.name.endswith(suffix))
    if not files:
        state = "has no part files" if directory.is_dir() else "does not exist"
        raise CheckpointError(
            f"{directory} {state}: {directory.parent} is not a saved stage, or is incomplete"
        )
    return files
