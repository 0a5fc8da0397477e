"""The stages of a saved pipeline, each a directory of its own inside the pipeline's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.ml.persistence.metadata import Metadata, read_metadata
from fireside.ml.persistence.saving import Saveable, load_stage, write_params, write_stage

__all__ = ["read_stages", "stage_directory", "write_stages"]

_LONGEST_UID = 240
"""In bytes: file systems have 255 for a name, and the place of the stage comes first."""


def write_stages(pipeline: Saveable, stages: Sequence[Saveable], directory: Path) -> None:
    """Fill the empty directory of a pipeline, or of its model.

    Raises:
        CheckpointError: a stage cannot be saved.
    """
    for stage in stages:
        if not isinstance(stage, Saveable):
            raise CheckpointError(f"{pipeline.uid} cannot be saved: {stage!r} is not a stage")
    uids = [stage.uid for stage in stages]
    for uid in uids:
        if not _names_a_directory(uid):
            raise CheckpointError(
                f"{pipeline.uid} cannot be saved: the uid {uid[:60]!r} of a stage cannot name a directory: "
                f"it has a slash, or more than {_LONGEST_UID} bytes"
            )
    folders = [stage_directory(directory, place, uids) for place in range(len(uids))]
    for stage, folder in zip(stages, folders, strict=True):
        write_stage(stage, folder)
    values: dict[str, Any] = {"stageUids": uids}
    if any(_is_python(read_metadata(folder)) for folder in folders):
        # pyspark has Java read any other pipeline.
        values["language"] = "Python"
    write_params(pipeline, directory, paramMap=values, defaultParamMap={})


def _is_python(metadata: Metadata) -> bool:
    """Whether a stage is a user's own, or holds one."""
    in_java = metadata.class_name.startswith("org.apache.spark.")
    return not in_java or metadata.paramMap.get("language") == "Python"


def _names_a_directory(uid: str) -> bool:
    return not {"/", "\0"} & set(uid) and len(uid.encode(errors="replace")) <= _LONGEST_UID


def read_stages(directory: Path, metadata: Metadata) -> list[Any]:
    """The stages of a pipeline, in order.

    Raises:
        CheckpointError: the directory of a stage is missing or cannot be read.
        CorruptFileError: the metadata name no stages.
    """
    uids = metadata.paramMap.get("stageUids")
    if not isinstance(uids, list) or not all(
        isinstance(uid, str) and _names_a_directory(uid) for uid in uids
    ):
        raise CorruptFileError(f"{directory / 'metadata'} names no stages: save the pipeline again")
    return [load_stage(stage_directory(directory, place, uids)) for place in range(len(uids))]


def stage_directory(directory: Path, place: int, uids: Sequence[str]) -> Path:
    """Where a stage lies; places have as many digits as the number of stages, as in Spark."""
    return directory / "stages" / f"{place:0{len(str(len(uids)))}d}_{uids[place]}"
