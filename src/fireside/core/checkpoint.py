"""Checkpoints: directories that are either whole or absent, and that say what they hold.

    checkpoint/
      weights.safetensors, state.json, ...     whatever the writer puts there
      manifest.json                            written last: kind, version, and size and checksum of each file

The directory is filled under a temporary name beside its place, the manifest is written last, everything is
flushed, and then it is renamed. A process that is killed at any point leaves the previous checkpoint.
Knows nothing about what the files mean.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.atomic_directory import finish_replacement, writing_directory
from fireside.core.errors import CheckpointError, CorruptFileError

__all__ = ["FORMAT_VERSION", "MANIFEST", "Manifest", "read_manifest", "verify", "writing"]

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and BLAKE2b-128 checksum of one file."""

    size: int
    blake2b: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint holds.

    Attributes:
        kind: what wrote it, such as `"fireside.lm.training"`.
        format_version: the version of this layout.
        files: relative POSIX path -> size and checksum.
        metadata: the writer's own JSON-ready facts.
    """

    kind: str
    format_version: int
    files: dict[str, FileEntry]
    metadata: dict[str, Any]


@contextmanager
def writing(
    path: str | os.PathLike[str], *, kind: str, metadata: Mapping[str, Any] | None = None
) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends without an error.

    An existing checkpoint at `path` is replaced only then. On an error nothing is left behind.

    Raises:
        CheckpointError: `path` exists and is not a checkpoint, so replacing it could destroy something.
        DiskFullError: there is no room.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with writing(Path(root) / "c", kind="example", metadata={"step": 3}) as directory:
    ...         _ = (directory / "state.json").write_text("{}")
    ...     read_manifest(Path(root) / "c", kind="example").metadata
    {'step': 3}
    """
    path = Path(path)
    finish_replacement(path)
    if path.exists() and not (path / MANIFEST).is_file():
        raise CheckpointError(f"{path} exists and is not a checkpoint: move it away or choose another name")
    with writing_directory(path) as temporary:
        yield temporary
        files = {relative: _entry(temporary / relative) for relative in _files(temporary)}
        manifest = Manifest(
            kind=kind, format_version=FORMAT_VERSION, files=files, metadata=dict(metadata or {})
        )
        write_bytes(temporary / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_manifest(path: str | os.PathLike[str], *, kind: str) -> Manifest:
    """Read and check the manifest of a checkpoint, without reading the files it names.

    Raises:
        CheckpointError: no manifest, an unreadable one, another kind, or a newer format.
    """
    path = Path(path)
    finish_replacement(path)
    file = path / MANIFEST
    if not file.is_file():
        raise CheckpointError(f"{path} is not a checkpoint: it has no {MANIFEST}")
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{file} cannot be read ({error}): delete {path} and write it again"
        ) from error
    if manifest.format_version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {manifest.format_version}, this version reads up to {FORMAT_VERSION}: "
            "upgrade fireside"
        )
    if manifest.kind != kind:
        raise CheckpointError(f"{path} holds {manifest.kind!r}, not {kind!r}")
    return manifest


def verify(path: str | os.PathLike[str], *, kind: str) -> Manifest:
    """Read a manifest, and every file against it.

    Raises:
        CorruptFileError: a file is missing, or its size or checksum differ; the message names the file.
    """
    path = Path(path)
    manifest = read_manifest(path, kind=kind)
    for relative, wanted in manifest.files.items():
        file = path / relative
        if not file.resolve().is_relative_to(path.resolve()):
            raise CorruptFileError(f"{path / MANIFEST} names {relative!r}, which lies outside the checkpoint")
        if not file.is_file():
            raise CorruptFileError(f"{file} is missing: the checkpoint cannot be used")
        found = _entry(file)
        if found != wanted:
            raise CorruptFileError(
                f"{file} has {found.size} bytes and checksum {found.blake2b}, the manifest says "
                f"{wanted.size} and {wanted.blake2b}: the checkpoint cannot be used"
            )
    return manifest


def _files(directory: Path) -> list[str]:
    return sorted(file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file())


def _entry(file: Path) -> FileEntry:
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return FileEntry(size=file.stat().st_size, blake2b=digest.hexdigest())
