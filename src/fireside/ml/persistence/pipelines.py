"""The stages of a saved pipeline, each a directory of its own inside the pipeline's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.ml.persistence.metadata import Metadata, write_metadata
from fireside.ml.persistence.saving import Saveable, load_stage
from fireside.ml.spark_name import spark_class_name

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
    write_metadata(
        directory,
        Metadata(class_name=spark_class_name(type(pipeline)), uid=pipeline.uid, paramMap={"stageUids": uids}),
    )
    for place, stage in enumerate(stages):
        folder = stage_directory(directory, place, uids)
        folder.mkdir(parents=True)
        stage._write_to(folder)


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
