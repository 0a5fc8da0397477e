"""Trajectories in files: JSON lines to append to, Arrow tables to analyse.

Both hold every field and read back equal. Knows nothing about what the records mean.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from fireside.agents.types import Trajectory
from fireside.core.atomic import writing_file
from fireside.core.errors import InputError, SchemaError

__all__ = ["TRAJECTORY_SCHEMA", "from_arrow", "read_trajectories", "to_arrow", "write_trajectories"]

_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
_RETRIEVED = pa.struct([("document_id", pa.string()), ("chunk_id", pa.int64()), ("score", pa.float64())])
_STEP = pa.struct(
    [
        ("prompt_tokens", pa.list_(pa.int32())),
        ("tokens", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float64())),
        ("text", pa.string()),
        ("stop_reason", pa.string()),
        ("version", pa.int64()),
        ("action", pa.string()),
        ("argument", pa.string()),
        ("retrieved", pa.list_(_RETRIEVED)),
        ("result", pa.string()),
    ]
)
_SEGMENT = pa.struct([("opening", pa.list_(_TURN)), ("steps", pa.list_(_STEP))])

TRAJECTORY_SCHEMA = pa.schema(
    [
        ("question_id", pa.string()),
        ("kind", pa.string()),
        ("seed", pa.uint64()),
        ("segments", pa.list_(_SEGMENT)),
        ("end", pa.string()),
        ("answer", pa.string()),
        ("citations", pa.list_(pa.string())),
        ("error", pa.string()),
        ("model_name", pa.string()),
        ("score", pa.float64()),
        ("labels", pa.list_(pa.string())),
        ("rewards", pa.map_(pa.string(), pa.float64())),
        ("reward", pa.float64()),
    ]
)
"""One row a trajectory; the columns are the fields of `Trajectory`."""


def to_arrow(trajectories: Sequence[Trajectory]) -> pa.Table:
    """A table with `TRAJECTORY_SCHEMA`, one row a trajectory."""
    rows = [msgspec.to_builtins(trajectory) for trajectory in trajectories]
    for row in rows:
        row["rewards"] = list(row["rewards"].items())
    return pa.Table.from_pylist(rows, schema=TRAJECTORY_SCHEMA)


def from_arrow(table: pa.Table) -> list[Trajectory]:
    """What `to_arrow` was given.

    Raises:
        SchemaError: a column is missing, unknown, or of another type.
    """
    try:
        rows = table.select(TRAJECTORY_SCHEMA.names).cast(TRAJECTORY_SCHEMA).to_pylist()
    except (KeyError, pa.ArrowException) as error:
        raise SchemaError(
            f"the table does not hold trajectories ({error}): make it with `to_arrow`"
        ) from error
    for row in rows:
        row["rewards"] = dict(row["rewards"])
    try:
        return msgspec.convert(rows, list[Trajectory])
    except msgspec.ValidationError as error:
        raise SchemaError(f"the table does not hold trajectories: {error}") from error


def write_trajectories(path: str | os.PathLike[str], trajectories: Iterable[Trajectory]) -> None:
    """Write one JSON object a line, all or nothing."""
    encoder = msgspec.json.Encoder()
    with writing_file(path) as file:
        for trajectory in trajectories:
            file.write(encoder.encode(trajectory) + b"\n")


def read_trajectories(path: str | os.PathLike[str]) -> list[Trajectory]:
    """Read what `write_trajectories` wrote.

    Raises:
        InputError: there is no such file, or a line is not a trajectory; the message names the line.
    """
    decoder = msgspec.json.Decoder(Trajectory)
    try:
        lines = Path(path).read_bytes().splitlines()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} is not a file of trajectories: use `write_trajectories`") from error
    trajectories = []
    for number, line in enumerate(lines, start=1):
        try:
            trajectories.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"{path}, line {number}, is not a trajectory: {error}") from error
    return trajectories
