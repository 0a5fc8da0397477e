"""The replay store: groups of rollouts on disk, appended as they end.

The first line says what the groups were collected with; every other line is one group. A line that a killed
writer left torn is dropped, and its group is collected again. A store goes on only under the same settings.
"""

import os
from pathlib import Path
from types import TracebackType

import msgspec

from fireside.agents.types import TrajectoryGroup
from fireside.core.atomic import disk_full_is_clear, write_bytes
from fireside.core.errors import CorruptFileError, ResumeError

__all__ = ["ReplayStore", "read_groups"]

FORMAT_VERSION = 1


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replay_format: int
    fingerprint: str


class ReplayStore:
    """Groups in a JSON-lines file; only one process may write it.

    Args:
        path: created where it does not exist.
        fingerprint: names everything that the groups depend on: policy, corpus, questions, settings.

    Raises:
        ResumeError: the file was collected under another fingerprint, or is not a replay store.
        CorruptFileError: a whole line cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with ReplayStore(Path(directory) / "replay.jsonl", "run 1") as store:
    ...         store.append(TrajectoryGroup(question_id="q", kind="lookup", trajectories=()))
    ...     [group.question_id for group in read_groups(Path(directory) / "replay.jsonl")]
    ['q']
    """

    def __init__(self, path: str | os.PathLike[str], fingerprint: str) -> None:
        self.path = Path(path)
        self.groups: dict[str, TrajectoryGroup] = {}
        with disk_full_is_clear(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._resume(fingerprint)
            if not self.path.exists() or not self.path.stat().st_size:
                header = _Header(replay_format=FORMAT_VERSION, fingerprint=fingerprint)
                write_bytes(self.path, msgspec.json.encode(header) + b"\n")
            self._file = self.path.open("ab")

    def append(self, group: TrajectoryGroup) -> None:
        """Add the group of one question; it is on disk when this returns."""
        if group.question_id in self.groups:
            raise ResumeError(f"{self.path} already holds a group of question {group.question_id!r}")
        with disk_full_is_clear(self.path):
            self._file.write(msgspec.json.encode(group) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self.groups[group.question_id] = group

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "ReplayStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resume(self, fingerprint: str) -> None:
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole:
            header = _read_header(self.path, whole)
            if header.fingerprint != fingerprint:
                raise ResumeError(
                    f"{self.path} was collected with {header.fingerprint!r}, this run has {fingerprint!r}: "
                    "delete the file, or choose another run directory"
                )
            self.groups = {group.question_id: group for group in _decode(self.path, whole)}
        if whole != data:
            write_bytes(self.path, whole)


def read_groups(path: str | os.PathLike[str]) -> list[TrajectoryGroup]:
    """All whole groups of a store, oldest first, whatever its fingerprint.

    Raises:
        ResumeError: it is not a replay store.
        CorruptFileError: a whole line cannot be read; the message names it.
    """
    path = Path(path)
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    _read_header(path, whole)
    return _decode(path, whole)


def _read_header(path: Path, whole: bytes) -> _Header:
    try:
        header = msgspec.json.decode(whole.split(b"\n", 1)[0], type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ResumeError(f"{path} is not a replay store ({error}): choose another file") from error
    if header.replay_format > FORMAT_VERSION:
        raise ResumeError(f"{path} has format {header.replay_format}, this version reads {FORMAT_VERSION}")
    return header


def _decode(path: Path, whole: bytes) -> list[TrajectoryGroup]:
    decoder = msgspec.json.Decoder(TrajectoryGroup)
    groups = []
    for number, line in enumerate(whole.split(b"\n")[1:-1], start=2):
        try:
            groups.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}, line {number}, cannot be read ({error}): delete it") from error
    return groups
