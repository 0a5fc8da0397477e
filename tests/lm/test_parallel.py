"""Several processes train what one trains, resume bit for bit, and read one another's checkpoints."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fireside.core.errors import ConfigError
from fireside.core.metrics import read_metrics
from fireside.lm.training_checkpoint import latest_checkpoint
from fireside.lm.workers import Workers
from tests.lm.training_process import ATTENTION, BREAK, EXPERTS, NUM_STEPS, trainer

ROOT = Path(__file__).parents[2]
FILES = ("weights.safetensors", "optimizer.safetensors")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process trains: `straight`, and `begun`, which has come as far as the break."""
    directory = tmp_path_factory.mktemp("alone")
    trainer(directory / "straight").run()
    trainer(directory / "begun").run(until_step=BREAK)
    trainer(directory / "experts", shape=EXPERTS).run()
    trainer(directory / "attention", **ATTENTION).run()
    return directory


# Two numbers have one sum; from three on it depends on their order.
GROUPS = [
    ("ddp", 2),
    ("fsdp", 2),
    *(pytest.param((name, 3), marks=pytest.mark.slow) for name in ("ddp", "fsdp")),
]


@pytest.fixture(scope="module", params=GROUPS, ids=lambda group: f"{group[0]}-{group[1]}")
def together(request: pytest.FixtureRequest, alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What several processes train, see `tests.lm.training_process`."""
    strategy, num_processes = request.param
    directory = tmp_path_factory.mktemp(strategy)
    shutil.copytree(alone / "begun", directory / "begun_alone")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(num_processes), "-m", "tests.lm.training_process"),
        *(str(directory), strategy),
    ]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert finished.returncode == 0, finished.stderr
    return directory


def tensors(run: Path) -> dict[str, torch.Tensor]:
    newest = latest_checkpoint(run / "checkpoints")
    assert newest is not None
    assert newest.name == f"step-{NUM_STEPS:08d}"
    return {f"{file} {name}": tensor for file in FILES for name, tensor in load_file(newest / file).items()}


def numbers(run: Path) -> list[dict[str, float]]:
    """The metrics of a run, without the clock."""
    clock = ("time", "train/tokens_per_second")
    lines = read_metrics(run / "metrics.jsonl")
    return [{key: value for key, value in line.items() if key not in clock} for line in lines]


def assert_same_to_rounding(one: Path, two: Path) -> None:
    a, b = tensors(one), tensors(two)
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        torch.testing.assert_close(
            tensor, b[name], rtol=1e-4, atol=1e-6, msg=lambda text, n=name: f"{n}: {text}"
        )
    assert len(numbers(one)) == NUM_STEPS
    for line_one, line_two in zip(numbers(one), numbers(two), strict=True):
        assert line_one == pytest.approx(line_two, rel=1e-5)


def test_losses_clipping_and_weights_are_those_of_one_process(alone: Path, together: Path) -> None:
    assert_same_to_rounding(together / "straight", alone / "straight")
    # The norm that is clipped, 0.3, is that of the whole gradient.
    assert all(line["train/grad_norm"] > 0.3 for line in numbers(alone / "straight"))


@pytest.mark.parametrize("run", ["experts", "attention"])
def test_mixtures_of_experts_and_attention_alone_train_alike(alone: Path, together: Path, run: str) -> None:
    assert_same_to_rounding(together / run, alone / run)


def test_a_broken_run_has_the_bits_of_a_straight_one(together: Path) -> None:
    straight, broken = tensors(together / "straight"), tensors(together / "broken")
    assert straight.keys() == broken.keys()
    for name, tensor in straight.items():
        assert torch.equal(tensor, broken[name]), name
    assert numbers(together / "straight") == numbers(together / "broken")


def test_what_one_process_began_several_finish(alone: Path, together: Path) -> None:
    assert_same_to_rounding(together / "begun_alone", alone / "straight")


def test_what_several_processes_began_one_finishes(alone: Path, together: Path, tmp_path: Path) -> None:
    shutil.copytree(together / "broken", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{NUM_STEPS:08d}")
    trainer(tmp_path / "run", seed=9).run()
    assert_same_to_rounding(tmp_path / "run", alone / "straight")


def test_a_batch_that_cannot_be_shared_is_refused_in_numbers() -> None:
    assert [Workers(rank=rank, size=3).rows(6) for rank in range(3)] == [
        slice(0, 2),
        slice(2, 4),
        slice(4, 6),
    ]
    with pytest.raises(ConfigError, match="8 sequences cannot be shared by 3 processes"):
        Workers(rank=0, size=3).rows(8)
