"""The main job on a user's own folder: interrupted, resumed, and looked at in a browser."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

FIRESIDE = Path(sys.executable).parent / "fireside"
NAMES = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Hazel",
    "Juniper",
    "Larch",
    "Maple",
    "Oak",
    "Pine",
)
KEEPERS = ("Ada Lindqvist", "Bo Ek", "Cai Morgan", "Dita Novak", "Emre Kaya", "Fay Okafor", "Gil Santos")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty-eight short reports on lighthouses, with named values, and one file that is not text."""
    folder = tmp_path / "reports"
    folder.mkdir()
    for i in range(48):
        name = f"{NAMES[i % 12]} {('Point', 'Head', 'Rock', 'Bay')[i // 12]}"
        keeper = KEEPERS[i % 7]
        (folder / f"{i:02d}.md").write_text(
            f"# {name}\n\nHeight: {20 + 3 * i} m\nKeeper: {keeper}\nBuilt: {1801 + 4 * i}\n"
            f"Steps: {100 + 7 * i}\n\n{name} lighthouse was painted {i % 5 + 1} times. Its lamp is seen from "
            f"{10 + i} nautical miles, and {keeper} winds the clock every day.\n"
        )
    (folder / "photo.txt").write_bytes(bytes(range(256)) * 8)
    return folder


def start(folder: Path, runs: Path) -> subprocess.Popen[bytes]:
    command = [FIRESIDE, "demo", "--docs", folder, "--minutes", "2", "--runs", runs]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.browser
def test_a_killed_demonstration_goes_on_and_ends_with_a_page(
    folder: Path, tmp_path: Path, browser: Any
) -> None:
    runs = tmp_path / "runs"
    first = start(folder, runs)
    deadline = time.monotonic() + 300
    while not list(runs.glob("*/stages/index.json")) and time.monotonic() < deadline:
        assert first.poll() is None, first.stderr and first.stderr.read().decode()
        time.sleep(0.2)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    (run,) = runs.iterdir()
    kept = {file.name: file.stat().st_mtime_ns for file in (run / "stages").iterdir()}

    second = start(folder, runs)
    _, told = second.communicate(timeout=900)
    assert second.returncode == 0, told.decode()
    assert b"kept from before" in told
    assert list(runs.iterdir()) == [run]
    assert all((run / "stages" / name).stat().st_mtime_ns == when for name, when in kept.items())

    results = msgspec.json.decode((run / "results.json").read_bytes())
    assert results["documents"]["num_documents"] == 48
    assert [file["path"] for file in results["documents"]["unreadable"]] == ["photo.txt"]
    assert results["pretrain"]["losses"]["base"].keys() == {"documents", "reference", "code"}
    assert [row["name"] for row in results["agent"]["systems"]][:2] == ["base", "trained"]

    page = browser.new_page()
    page.goto((run / "report.html").as_uri())
    assert page.locator("#scores tbody tr").count() == 4
    assert page.locator("figure svg").count() == 6
    assert "photo.txt" in page.locator("#unreadable").inner_text()
    page.close()
