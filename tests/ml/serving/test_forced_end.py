"""A block that is watched, and what is left of the watcher after it."""

import os
import signal
import subprocess
import sys

from fireside.ml.serving.forced_end import ended_by_force

# Holds Python's lock for ever, so that no handler of a signal runs.
STUCK = """
import re, signal
from fireside.ml.serving.forced_end import ended_by_force
signal.signal(signal.SIGTERM, lambda *_: None)
with ended_by_force(0.2):
    print("begins", flush=True)
    re.match(r"(a+)+b", "a" * 40)
"""


def test_a_process_that_hears_no_signal_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begins\n"
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert b"a prediction has not ended in time" in said


def test_after_the_block_nothing_is_left_and_meanwhile_no_pipe_is_held_open() -> None:
    reader, writer = os.pipe()
    before = len(os.listdir("/proc/self/fd"))
    with ended_by_force(60):
        # The watcher does not have this end, so that the other sees it close.
        os.close(writer)
        assert os.read(reader, 1) == b""
    assert len(os.listdir("/proc/self/fd")) == before - 1
    assert signal.set_wakeup_fd(-1) == -1
    os.close(reader)
