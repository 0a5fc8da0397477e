"""Metrics: one JSON object a line, with `group/name` keys.

The file is append-only and survives a kill: a torn last line is dropped when the run resumes. Knows nothing
about what the numbers mean.
"""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from fireside.core.atomic import disk_full_is_clear, write_bytes

__all__ = ["MetricsWriter", "read_metrics"]


class MetricsWriter:
    """Appends metrics to a JSONL file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "metrics.jsonl"
    ...     with MetricsWriter(path) as metrics:
    ...         metrics.log(3, {"train/loss": 1.5})
    ...     [(line["step"], line["train/loss"]) for line in read_metrics(path)]
    [(3, 1.5)]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with disk_full_is_clear(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _drop_torn_line(self.path)
            self._file = self.path.open("ab")

    def log(self, step: int, values: Mapping[str, float | int | str]) -> None:
        """Write one line: the step, the wall time in seconds since the epoch, and the values.

        Raises:
            ValueError: a key is not of the form `group/name`.
        """
        for key in values:
            if "/" not in key:
                raise ValueError(f"a metric is named group/name, got {key!r}")
        # JSON has no NaN or infinity; a loss that diverged must still be readable.
        plain = {
            key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }
        with disk_full_is_clear(self.path):
            self._file.write(msgspec.json.encode({"step": step, "time": time.time(), **plain}) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; logging after this is an error."""
        self._file.close()

    def __enter__(self) -> "MetricsWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """All whole lines of a metrics file, oldest first."""
    lines = Path(path).read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line) for line in lines if line]


def _drop_torn_line(path: Path) -> None:
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        write_bytes(path, data[: data.rfind(b"\n") + 1])
