"""A run: a directory whose stages are done once, and kept.

    runs/<id>/
      settings.json          what was asked for; a resumed run must ask for the same
      stages/<name>.json     the result of each stage that has ended, with its wall time and peak memory
      metrics.jsonl          what happened on the way
      ...                    whatever the stages write

A stage that has ended is not done again: an interrupted run goes on where it stopped. Knows nothing about
what the stages do.
"""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from fireside.core.atomic import disk_full_is_clear, write_bytes
from fireside.core.errors import ResumeError

__all__ = ["Run", "StageRecord", "latest_unfinished", "new_run_id"]


class StageRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of a stage, and what it cost.

    Attributes:
        name: the stage.
        title: what the terminal called it.
        seconds: wall time.
        peak_memory_mib: the most resident memory the process had used by the end of the stage.
        result: JSON-ready facts for later stages and the report.
    """

    name: str
    title: str
    seconds: float
    peak_memory_mib: float
    result: dict[str, Any]


class Run:
    """A directory of stages.

    Args:
        directory: where everything goes; made if it is not there.
        settings: what was asked for, JSON-ready.
        console: where progress is told; standard error by default.

    Raises:
        ResumeError: the directory belongs to a run with other settings, or is in use.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        settings: Mapping[str, Any],
        *,
        console: Console | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.console = console or Console(stderr=True)
        with disk_full_is_clear(self.directory):
            (self.directory / "stages").mkdir(parents=True, exist_ok=True)
        self._lock()
        try:
            self._settle(dict(settings))
        except BaseException:
            self.close()
            raise

    def stage(self, name: str, work: Callable[[], dict[str, Any]], *, title: str) -> dict[str, Any]:
        """Do a stage, or take its result from the last time.

        Args:
            name: the file the result is kept under.
            work: does the stage; returns JSON-ready facts.
            title: a few words for the terminal.
        """
        file = self.directory / "stages" / f"{name}.json"
        if file.exists():
            self.console.print(f"[dim]✓ {title} (kept from before)[/]")
            return self.record(name).result
        self.console.print(f"  {title} …")
        start = time.perf_counter()
        with PeakMemory() as peak:
            result = work()
        record = StageRecord(
            name=name,
            title=title,
            seconds=round(time.perf_counter() - start, 3),
            peak_memory_mib=round(peak.mib, 1),
            result=result,
        )
        write_bytes(file, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
        self.console.print(f"[green]✓[/] {title} [dim]{record.seconds:.1f} s[/]")
        return record.result

    def record(self, name: str) -> StageRecord:
        """The record of a stage that has ended.

        Raises:
            ResumeError: it has not ended, or its file cannot be read.
        """
        file = self.directory / "stages" / f"{name}.json"
        if not file.exists():
            raise ResumeError(f"{self.directory} has not come to the stage {name!r}: run it again to go on")
        try:
            return msgspec.json.decode(file.read_bytes(), type=StageRecord)
        except msgspec.DecodeError as error:
            raise ResumeError(f"{file} cannot be read ({error}): delete it, and run again") from error

    def records(self) -> list[StageRecord]:
        """All ended stages, in the order in which they ended."""
        files = sorted((self.directory / "stages").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        return [self.record(file.stem) for file in files]

    def _settle(self, settings: dict[str, Any]) -> None:
        file = self.directory / "settings.json"
        wanted = msgspec.json.decode(msgspec.json.encode(settings))
        if not file.exists():
            write_bytes(file, msgspec.json.format(msgspec.json.encode(wanted), indent=1) + b"\n")
            return
        try:
            found = msgspec.json.decode(file.read_bytes())
        except msgspec.DecodeError as error:
            raise ResumeError(f"{file} cannot be read ({error}): delete {self.directory}") from error
        if found != wanted:
            changed = [
                f"{key}: {found.get(key)!r} then, {wanted.get(key)!r} now"
                for key in sorted({*found, *wanted})
                if found.get(key) != wanted.get(key)
            ]
            raise ResumeError(
                f"{self.directory} was begun with other settings ({'; '.join(changed)}): "
                "use those, or choose another run directory"
            )

    def _lock(self) -> None:
        """Keep two processes out of one run; the lock dies with the process that holds it."""
        import fcntl

        self._lock_file = (self.directory / ".lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise ResumeError(f"another process is at work in {self.directory}: wait for it") from error

    def close(self) -> None:
        """Let another process have the run."""
        self._lock_file.close()


class PeakMemory:
    """The most resident memory of this process while a block runs, sampled ten times a second, in MiB."""

    INTERVAL_S = 0.1

    def __init__(self) -> None:
        self.mib = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(self.INTERVAL_S):
            self._look()

    def _look(self) -> None:
        self.mib = max(self.mib, resident_mib())


def resident_mib() -> float:
    """Resident memory of this process now, in MiB (the peak so far where the system does not tell)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def new_run_id(name: str) -> str:
    """A directory name that sorts by time and is taken by nobody else."""
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def latest_unfinished(runs: Path, name: str, settings: Mapping[str, Any], last_stage: str) -> Path | None:
    """The newest run of these very settings that has not come to its last stage."""
    wanted = msgspec.json.decode(msgspec.json.encode(dict(settings)))
    for directory in sorted(runs.glob(f"{name}-*"), reverse=True):
        file = directory / "settings.json"
        if not file.is_file() or (directory / "stages" / f"{last_stage}.json").exists():
            continue
        try:
            if msgspec.json.decode(file.read_bytes()) == wanted:
                return directory
        except msgspec.DecodeError:
            continue
    return None
