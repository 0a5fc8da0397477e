"""Checkpoints are whole or absent, whatever happens to the writer."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fireside.core import checkpoint
from fireside.core.atomic import write_text, writing_file
from fireside.core.errors import CheckpointError, CorruptFileError, DiskFullError

KIND = "test"


def write(path: Path, text: str) -> None:
    with checkpoint.writing(path, kind=KIND, metadata={"text": text}) as directory:
        (directory / "a").mkdir()
        (directory / "a" / "b.txt").write_text(text)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    manifest = checkpoint.verify(tmp_path / "c", kind=KIND)
    assert manifest.metadata == {"text": "one"}
    assert manifest.files["a/b.txt"].size == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_a_second_checkpoint_replaces_the_first(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    write(tmp_path / "c", "two")
    assert checkpoint.verify(tmp_path / "c", kind=KIND).metadata == {"text": "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_an_error_while_writing_leaves_the_old_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    with (
        pytest.raises(RuntimeError, match="half way"),
        checkpoint.writing(tmp_path / "c", kind=KIND) as directory,
    ):
        (directory / "half").write_text("half")
        raise RuntimeError("half way")
    assert checkpoint.verify(tmp_path / "c", kind=KIND).metadata == {"text": "one"}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_writer_killed_in_the_middle_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    script = (
        "import os, sys\n"
        "from fireside.core import checkpoint\n"
        f"with checkpoint.writing(sys.argv[1], kind={KIND!r}) as directory:\n"
        "    (directory / 'half').write_text('half')\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "c")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert checkpoint.verify(tmp_path / "c", kind=KIND).metadata == {"text": "one"}


def test_a_kill_between_the_two_renames_is_repaired_by_the_next_reader(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    os.rename(tmp_path / "c", tmp_path / ".c.old")
    assert checkpoint.read_manifest(tmp_path / "c", kind=KIND).metadata == {"text": "one"}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "c", "one")
    file = tmp_path / "c" / "a" / "b.txt"
    if damage == "flip":
        file.write_text("onf")
    elif damage == "truncate":
        file.write_bytes(b"")
    else:
        file.unlink()
    with pytest.raises(CorruptFileError, match=r"a/b\.txt"):
        checkpoint.verify(tmp_path / "c", kind=KIND)


def test_a_damaged_manifest_says_what_to_delete(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    (tmp_path / "c" / checkpoint.MANIFEST).write_bytes(b"{")
    with pytest.raises(CorruptFileError, match="delete"):
        checkpoint.read_manifest(tmp_path / "c", kind=KIND)


def test_a_manifest_cannot_name_files_outside(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    manifest = tmp_path / "c" / checkpoint.MANIFEST
    (tmp_path / "secret").write_text("one")
    manifest.write_text(manifest.read_text().replace("a/b.txt", "../secret"))
    with pytest.raises(CorruptFileError, match="outside"):
        checkpoint.verify(tmp_path / "c", kind=KIND)


def test_another_kind_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "c", "one")
    with pytest.raises(CheckpointError, match="'test', not 'other'"):
        checkpoint.read_manifest(tmp_path / "c", kind="other")
    manifest = tmp_path / "c" / checkpoint.MANIFEST
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(CheckpointError, match="upgrade"):
        checkpoint.read_manifest(tmp_path / "c", kind=KIND)


def test_a_directory_that_is_no_checkpoint_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        write(tmp_path / "precious", "one")


def test_a_full_disk_is_one_clear_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "old")
    with pytest.raises(DiskFullError, match="no space left"), writing_file(tmp_path / "f") as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (tmp_path / "f").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_kernel_s_own_full_device_is_reported_as_such() -> None:
    from fireside.core.atomic import disk_full_is_clear

    with pytest.raises(DiskFullError), disk_full_is_clear(Path("/dev/full")):
        Path("/dev/full").write_bytes(b"x")
