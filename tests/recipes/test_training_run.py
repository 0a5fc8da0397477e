"""A run file is trained by one process or by several that torchrun has started."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fireside.recipes.training_run import read_run_file, train_run
from tests.recipes.mix_files import write_domains, write_run_file

BIN = Path(sys.executable).parent


@pytest.mark.slow
def test_torchrun_trains_a_run_file_to_the_weights_of_one_process(tmp_path: Path) -> None:
    write_domains(tmp_path)
    file = write_run_file(tmp_path, num_steps=6)
    alone = train_run(read_run_file(file), tmp_path / "alone")
    command = [
        *(BIN / "torchrun", "--standalone", "--nproc-per-node", "2", "--local-ranks-filter", "0"),
        *("--no-python", BIN / "fireside", "mix", "train", file, "--out", tmp_path / "together"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    together = tmp_path / "together" / "checkpoints" / alone.name
    assert done.stdout.splitlines() == [f"checkpoint: {together}"]
    one, two = (load_file(path / "weights.safetensors") for path in (alone, together))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5)
