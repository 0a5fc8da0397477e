"""Sweeps: branches share their past to the bit, resume after a kill, and refuse what does not belong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from fireside.core.errors import ConfigError, CorruptFileError, FiresideError, InputError, ResumeError
from fireside.mixing import BranchConfig
from fireside.recipes.branch_run import checkpoint_at
from fireside.recipes.branch_sweep import SweepConfig, plan_sweep, run_sweep
from fireside.recipes.training_run import read_run_file, train_run
from tests.recipes.mix_files import write_domains, write_run_file

FIRESIDE = Path(sys.executable).parent / "fireside"
SETTINGS = SweepConfig(
    branches=BranchConfig(durations=(0.1, 0.3), removal_duration=0.3, removed=("code",)), orders=2
)
NAMES = {"base", "upsampled-10", "upsampled-30", "without-code-30"}


def weights(path: Path) -> dict[str, np.ndarray]:
    return load_file(path / "weights.safetensors")


def same(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mix")
    write_domains(home)
    return home


@pytest.fixture(scope="module")
def checkpoint(home: Path) -> Path:
    return train_run(read_run_file(write_run_file(home)), home / "prefix", until_step=28)


@pytest.fixture(scope="module")
def sweep(home: Path, checkpoint: Path) -> Path:
    """A sweep of two orders, whole."""
    results = list(run_sweep([checkpoint], home / "sweep", SETTINGS, threads=1))
    assert len(results) == 8
    return home / "sweep"


def test_every_branch_of_every_replicate_is_trained_and_measured(sweep: Path) -> None:
    told = msgspec.json.decode((sweep / "sweep.json").read_bytes())
    assert told["replicates"] == ["prefix-0-order-0", "prefix-0-order-1"]
    assert {branch["name"] for branch in told["branches"]} == NAMES
    assert (told["general"], told["target"]) == (["web"], ["code", "books"])
    assert told["base_shares"]["web"] == pytest.approx(0.8, abs=0.03)
    assert told["upsampled_shares"]["code"] == pytest.approx(0.4, abs=0.03)
    for replicate in told["replicates"]:
        for name in NAMES:
            result = msgspec.json.decode((sweep / "runs" / replicate / name / "result.json").read_bytes())
            assert (result["steps"], result["tokens"]) == (40, 40 * 64)
            assert result["own_tokens"] == {"base": 12, "upsampled-10": 4}.get(name, 12) * 64
            assert result["losses"].keys() == {"web", "code", "books"}
            assert all(0 < loss < 6 for loss in result["losses"].values())
            assert 0 <= result["accuracies"]["endings"] <= 1


def test_the_base_is_the_run_that_was_never_interrupted(home: Path, sweep: Path) -> None:
    straight = train_run(read_run_file(home / "run-1.toml"), home / "straight")
    base = checkpoint_at(sweep / "runs" / "prefix-0-order-0" / "base", 40)
    assert same(weights(straight), weights(base))
    other = checkpoint_at(sweep / "runs" / "prefix-0-order-1" / "base", 40)
    assert not same(weights(straight), weights(other))


def test_upsampling_and_removal_change_the_end_alone(sweep: Path) -> None:
    home = sweep / "runs" / "prefix-0-order-0"
    base = weights(checkpoint_at(home / "base", 36))
    assert same(base, weights(checkpoint_at(home / "upsampled-10", 36)))
    ends = [weights(checkpoint_at(home / name, 40)) for name in sorted(NAMES)]
    assert all(not same(one, two) for i, one in enumerate(ends) for two in ends[i + 1 :])


def test_what_is_done_is_not_done_again_and_what_is_lost_is_made_the_same(
    checkpoint: Path, sweep: Path
) -> None:
    assert list(run_sweep([checkpoint], sweep, SETTINGS, threads=1)) == []
    lost = sweep / "runs" / "prefix-0-order-1" / "upsampled-30"
    before = msgspec.json.decode((lost / "result.json").read_bytes())
    subprocess.run(["rm", "-r", lost], check=True)
    (again,) = run_sweep([checkpoint], sweep, SETTINGS, threads=1)
    assert (again["losses"], again["accuracies"]) == (before["losses"], before["accuracies"])


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_to_the_same_end(home: Path, checkpoint: Path, sweep: Path) -> None:
    again = home / "killed"
    command = [FIRESIDE, "mix", "branch", checkpoint, "--out", again, "--durations", "10,30", "--seeds", "2"]
    command += ["--leave-out", "code", "--removal-duration", "30"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(again.glob("runs/*/*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "prefix-0-order-1 upsampled-10: web" in done.stdout
    for file in sweep.glob("runs/*/*/result.json"):
        other = again / file.relative_to(sweep)
        one, two = (msgspec.json.decode(path.read_bytes()) for path in (file, other))
        assert one["losses"] == pytest.approx(two["losses"], rel=1e-4)  # another number of threads


def test_another_sweep_does_not_mix_with_what_is_there(checkpoint: Path, sweep: Path) -> None:
    other = SweepConfig(branches=BranchConfig(durations=(0.1, 0.2)))
    with pytest.raises(ResumeError, match=r"holds a sweep with another .*durations"):
        list(run_sweep([checkpoint], sweep, other))


def test_a_process_that_is_killed_is_one_clear_error(
    home: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run_sweep([checkpoint], home / "starved", SETTINGS, threads=1)
    next(results)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert workers
    for pid in workers:
        os.kill(int(pid), signal.SIGKILL)
    with pytest.raises(
        FiresideError, match="was killed, perhaps for want of memory: run the same command again"
    ):
        list(results)
    assert len(list(run_sweep([checkpoint], home / "starved", SETTINGS, threads=1))) >= 6


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Path]:
    """A directory that must not come into being."""
    yield tmp_path / "sweep"
    assert not (tmp_path / "sweep").exists()


def test_a_checkpoint_past_the_branch_point_is_refused(home: Path, sweep: Path, nowhere: Path) -> None:
    late = checkpoint_at(sweep / "runs" / "prefix-0-order-0" / "base", 40)
    (home / "late" / "checkpoints").mkdir(parents=True)
    (home / "late" / "run.json").write_bytes((home / "prefix" / "run.json").read_bytes())
    late = late.rename(home / "late" / "checkpoints" / late.name)
    with pytest.raises(ConfigError, match="stands at step 40 of 40, past step 28, where the longest"):
        list(run_sweep([late], nowhere, SETTINGS))
    late.rename(checkpoint_at(sweep / "runs" / "prefix-0-order-0" / "base", 40))


def test_runs_that_differ_in_more_than_seeds_are_refused(home: Path, checkpoint: Path, nowhere: Path) -> None:
    other = write_run_file(home, seed=2, peak=1e-3)
    second = train_run(read_run_file(other), home / "second", until_step=8)
    with pytest.raises(ConfigError, match=r"with another training than .*: only seeds may differ"):
        list(run_sweep([checkpoint, second], nowhere, SETTINGS))


def test_several_prefixes_are_replicates(home: Path, checkpoint: Path) -> None:
    third = train_run(read_run_file(write_run_file(home, seed=3)), home / "third", until_step=4)
    names = [replicate.name for replicate in plan_sweep([checkpoint, third], SETTINGS)]
    assert names == [f"prefix-{prefix}-order-{order}" for prefix in (0, 1) for order in (0, 1)]


def test_a_checkpoint_of_nobody_is_refused(tmp_path: Path, nowhere: Path) -> None:
    stray = tmp_path / "run" / "checkpoints" / "step-00000001"
    stray.mkdir(parents=True)
    with pytest.raises(InputError, match=r"has no run\.json two folders above it"):
        list(run_sweep([stray], nowhere, SETTINGS))
    with pytest.raises(InputError, match="at least one checkpoint"):
        list(run_sweep([], nowhere, SETTINGS))


def test_a_domain_that_was_damaged_stops_a_run_before_it_trains(home: Path, tmp_path: Path) -> None:
    run = read_run_file(home / "run-1.toml")
    shard = next((home / "domains" / "books").glob("*.bin"))
    whole = shard.read_bytes()
    shard.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    try:
        with pytest.raises(CorruptFileError, match=shard.name):
            train_run(run, tmp_path / "run")
        assert not (tmp_path / "run").exists()
    finally:
        shard.write_bytes(whole)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size = 4", "", "a run file needs batch_size"),
        ("batch_size = 4", "batchsize = 4\nbatch_size = 4", "did you mean 'batch_size'"),
        ("hidden_size = 24", "hiden_size = 24", "did you mean 'hidden_size'"),
        ("[model]", "[model", "is not TOML"),
        ("0.4, books = 0.4", "0.4, books = 0.5", "the shares sum to 1.1"),
    ],
)
def test_a_run_file_that_says_something_impossible_is_refused(
    home: Path, old: str, new: str, message: str
) -> None:
    text = write_run_file(home, seed=4).read_text().replace(old, new)
    file = home / "wrong.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        run = read_run_file(file)
        _ = run.model_config, run.training, run.upsampled
