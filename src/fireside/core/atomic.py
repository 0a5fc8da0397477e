"""Files that are either whole or absent.

A file is written beside its place, flushed to the disk, and renamed; a reader never sees half of one, and
a killed writer leaves the old one. `ENOSPC` becomes `DiskFullError`.
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fireside.core.errors import DiskFullError

__all__ = ["disk_full_is_clear", "sync_directory", "write_bytes", "write_text", "writing_file"]


@contextmanager
def disk_full_is_clear(path: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" and "quota exceeded" into `DiskFullError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and not isinstance(error, DiskFullError):
            raise DiskFullError(
                f"no space left on the device while writing {path}: free some, or choose another directory"
            ) from error
        raise


@contextmanager
def writing_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` when the block ends without an error.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with writing_file(Path(directory) / "a.bin") as file:
    ...         _ = file.write(b"whole")
    ...     (Path(directory) / "a.bin").read_bytes()
    b'whole'
    """
    path = Path(path)
    with disk_full_is_clear(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files private; what replaces a path should be as readable as any new file.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
            sync_directory(path.parent)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the contents of a file, all or nothing."""
    with writing_file(path) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace the contents of a UTF-8 file, all or nothing."""
    write_bytes(path, text.encode("utf-8"))


def sync_directory(directory: str | os.PathLike[str]) -> None:
    """Make a rename inside a directory survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
