"""The stages of a saved pipeline, each a directory of its own inside the pipeline's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.ml.persistence.metadata import Metadata, read_metadata
from fireside.ml.persistence.saving import Saveable, load_stage, write_params, write_stage

__all__ = ["read_stages", "write_stages"]


def write_stages(pipeline: Saveable, stages: Sequence[Saveable], directory: Path) -> None:
    """Fill the empty directory of a pipeline, or of its model.

    Raises:
        CheckpointError: a stage cannot be saved.
    """
    for stage in stages:
        if not isinstance(stage, Saveable):
            raise CheckpointError(f"{pipeline.uid} cannot be saved: {stage!r} is not a stage")
    uids = [stage.uid for stage in stages]
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


def read_stages(directory: Path, metadata: Metadata) -> list[Any]:
    """The stages of a pipeline, in order.

    Raises:
        CheckpointError: the directory of a stage is missing or cannot be read.
        CorruptFileError: the metadata name no stages.
    """
    uids = metadata.paramMap.get("stageUids")
    if not isinstance(uids, list) or not all(isinstance(uid, str) and "/" not in uid for uid in uids):
        raise CorruptFileError(f"{directory / 'metadata'} names no stages: save the pipeline again")
    return [load_stage(stage_directory(directory, place, uids)) for place in range(len(uids))]


def stage_directory(directory: Path, place: int, uids: Sequence[str]) -> Path:
    """Where a stage lies; places have as many digits as the number of stages, as in Spark."""
    return directory / "stages" / f"{place:0{len(str(len(uids)))}d}_{uids[place]}"
