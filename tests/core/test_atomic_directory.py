"""Directories are whole or absent, whatever lies at their place and whatever happens to the writer."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from fireside.core.atomic_directory import finish_replacement, writing_directory


def write(path: Path, text: str) -> None:
    with writing_directory(path) as directory:
        (directory / "a").mkdir()
        (directory / "a" / text).write_text(text)


def held(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "a").iterdir())


@pytest.mark.parametrize("failing", [1, 2])
def test_an_interrupt_at_either_rename_leaves_what_was_there(tmp_path, monkeypatch, failing):
    write(tmp_path / "c", "old")
    rename, calls = os.rename, []

    def interrupted(*places: object) -> None:
        calls.append(places)
        if len(calls) == failing:
            raise KeyboardInterrupt
        rename(*places)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "c", "new")
    assert held(tmp_path / "c") == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("name", ["c", "n" * 240, "n" * 255, "é" * 127])
def test_a_writer_killed_between_the_two_renames_loses_nothing(tmp_path, name):
    write(tmp_path / name, "old")
    script = (
        "import os, signal, sys\n"
        "from fireside.core.atomic_directory import writing_directory\n"
        "rename = os.rename\n"
        "def once(*places):\n"
        "    rename(*places)\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        "os.rename = once\n"
        "with writing_directory(sys.argv[1]):\n"
        "    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()
    finish_replacement(tmp_path / name)
    assert held(tmp_path / name) == ["old"]


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path):
    write(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        write(tmp_path / name, "new")
        assert not (tmp_path / name).is_symlink()
        assert held(tmp_path / name) == ["new"]
    assert held(tmp_path / "real") == ["old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "link", "real"]


def test_a_file_is_replaced(tmp_path):
    (tmp_path / "c").write_text("old")
    write(tmp_path / "c", "new")
    assert held(tmp_path / "c") == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def mounts() -> bool:
    command = ["unshare", "-rm", "true"]
    return shutil.which("unshare") is not None and not subprocess.run(command, check=False).returncode


@pytest.mark.skipif(not mounts(), reason="needs a namespace of mounts of its own")
@pytest.mark.parametrize("mount", ["-t tmpfs none", "--bind disk"])
def test_what_is_at_a_mount_point_is_replaced(tmp_path, mount):
    for name in ("c", "disk"):
        (tmp_path / name).mkdir()
    script = (
        "import os, pathlib, sys\n"
        "from fireside.core.atomic_directory import writing_directory\n"
        "for text in ('old', 'new'):\n"
        "    with writing_directory('c') as directory:\n"
        "        (directory / 'a').mkdir()\n"
        "        (directory / 'a' / text).touch()\n"
        "print(*sorted(path.relative_to('c').as_posix() for path in pathlib.Path('c').rglob('*')), end='')\n"
    )
    shell = f'mount {mount} c && exec "$0" -c "$1"'
    command = ["unshare", "-rm", "sh", "-c", shell, sys.executable, script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("a a/new", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "disk"]


def test_writers_and_readers_of_one_place_do_not_disturb_each_other(tmp_path):
    write(tmp_path / "c", "old")
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            finish_replacement(tmp_path / "c")

    def replace(text: str) -> None:
        for _ in range(200):
            write(tmp_path / "c", text)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(replace, text) for text in ("one", "two")]
        wait(writers)
        ended.set()
        for done in readers + writers:
            done.result()
    assert held(tmp_path / "c") in (["one"], ["two"])
    finish_replacement(tmp_path / "c")
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
