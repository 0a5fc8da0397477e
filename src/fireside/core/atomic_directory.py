"""Directories that are either whole or absent.

A directory is filled under a temporary name beside its place, flushed to the disk, and renamed; what was
there is moved aside first and deleted last. Whoever reads calls `finish_replacement` first, which puts back
what a writer that was killed between the two renames had moved aside.
"""

import errno
import hashlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fireside.core.atomic import disk_full_is_clear, sync_directory

__all__ = ["finish_replacement", "writing_directory"]

_LONGEST_NAME = 255
# What renaming fails with where others write or put back at the same time.
_OTHERS = (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
_MOST_TRIES = 100


@contextmanager
def writing_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty directory that takes the place of `path` when the block ends without an error.

    What lies at `path` is replaced only then; of a link, the link and not what it points to. On an error
    nothing is left behind. A mount point cannot be renamed: what is in it is deleted then, and what is new is
    moved in.

    Raises:
        DiskFullError: there is no room.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with writing_directory(Path(root) / "a") as directory:
    ...         _ = (directory / "b.txt").write_text("whole")
    ...     (Path(root) / "a" / "b.txt").read_text()
    'whole'
    """
    path = Path(os.path.abspath(path))
    finish_replacement(path)
    # Beside a mount point is another disk, and maybe one that is read-only.
    stays = path.is_dir() and (os.path.ismount(path) or not os.access(path.parent, os.W_OK))
    temporary = _beside(path / "new" if stays else path, f"writing-{secrets.token_hex(4)}")
    with disk_full_is_clear(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            _sync_tree(temporary)
            if stays:
                _replace_contents(temporary, path)
            else:
                _replace(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def finish_replacement(path: str | os.PathLike[str]) -> None:
    """Put back what was moved aside where a writer got no further; nothing is deleted."""
    path = Path(os.path.abspath(path))
    old = _beside(path, "old")
    if os.path.lexists(old) and not os.path.lexists(path):
        try:
            os.rename(old, path)
        except OSError as error:
            # Its writer may be alive, and faster.
            if error.errno not in _OTHERS:
                raise


def _beside(path: Path, suffix: str) -> Path:
    """A hidden name beside a path, made of the path's; where that would be too long, of its checksum."""
    name = f".{path.name}.{suffix}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.blake2b(os.fsencode(path.name), digest_size=16).hexdigest()}.{suffix}"
    return path.with_name(name)


def _replace(new: Path, path: Path) -> None:
    old = _beside(path, "old")
    try:
        for tries in itertools.count(1):
            try:
                if os.path.lexists(path):
                    _remove(old)
                    os.rename(path, old)
                os.rename(new, path)
                break
            except OSError as error:
                if error.errno not in _OTHERS or tries == _MOST_TRIES:
                    raise
        sync_directory(path.parent)
    except OSError as error:
        finish_replacement(path)
        # A mount of a folder of the same disk does not look like one.
        if error.errno != errno.EBUSY:
            raise
        _replace_contents(new, path)
    finally:
        finish_replacement(path)
        _remove(old)


def _replace_contents(new: Path, path: Path) -> None:
    """Replace what is in a directory that stays; a kill in between leaves a part of one of the two."""
    for entry in list(path.iterdir()):
        if entry != new:
            _remove(entry)
    for entry in list(new.iterdir()):
        shutil.move(entry, path / entry.name)
    new.rmdir()
    _sync_tree(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError, IsADirectoryError):
            path.unlink()


def _sync_tree(directory: Path) -> None:
    for folder, _, files in os.walk(directory):
        for name in files:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(folder)
