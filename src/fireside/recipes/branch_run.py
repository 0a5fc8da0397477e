"""One branch of a sweep: go on from a checkpoint, train to the end, measure, and leave a result."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from fireside.core.atomic import write_bytes
from fireside.lm.evaluate.multiple_choice import multiple_choice
from fireside.lm.evaluate.perplexity import held_out_losses
from fireside.lm.trainer import Trainer
from fireside.lm.training_checkpoint import branch, read_state
from fireside.lm.transformer import Transformer
from fireside.mixing import Plan
from fireside.mixing.upsampling import evaluation_loader
from fireside.recipes.held_out import spread_batches
from fireside.recipes.training_run import RunSettings, TrainingRun

__all__ = ["BranchJob", "checkpoint_at", "measure", "run_branch"]


@dataclass(frozen=True, kw_only=True)
class BranchJob:
    """Everything that a process needs to make one branch.

    Attributes:
        replicate: which repetition it belongs to.
        branch: its name.
        settings: of the run that it leaves.
        plan: the whole run with this branch's end.
        directory: takes the branch.
        checkpoint: what it goes on from.
        parent: the directory of the branch that must have ended before; `None` for a base.
        stops: steps at which a checkpoint is left for others.
        threads: of the processor.
    """

    replicate: str
    branch: str
    settings: RunSettings
    plan: Plan
    directory: Path
    checkpoint: Path
    parent: Path | None
    stops: tuple[int, ...]
    threads: int

    @property
    def result_file(self) -> Path:
        """Written last."""
        return self.directory / "result.json"


def checkpoint_at(directory: Path, step: int) -> Path:
    """Where a run keeps its checkpoint of a step."""
    return directory / "checkpoints" / f"step-{step:08d}"


def run_branch(job: BranchJob) -> dict[str, Any]:
    """Train and measure a branch, or go on where that was cut off; returns its result.

    Raises:
        FiresideError: the checkpoint cannot be used, or training diverged.
    """
    torch.set_num_threads(job.threads)
    start = time.perf_counter()
    run = TrainingRun(job.settings)
    model = run.model()
    with run.loader(job.plan) as loader:
        branch(job.checkpoint, loader, job.directory)
        trainer = Trainer(model, loader, run.training, job.directory)
        for stop in job.stops:
            if stop > trainer.step:
                trainer.run(until_step=stop)
        trainer.run()
    left = read_state(job.checkpoint)
    result = {
        "replicate": job.replicate,
        "branch": job.branch,
        "steps": trainer.step,
        "tokens": trainer.tokens,
        "flops": trainer.flops,
        "own_tokens": trainer.tokens - left.tokens,
        "own_flops": trainer.flops - left.flops,
        **measure(model, run),
        "seconds": time.perf_counter() - start,
    }
    write_bytes(job.result_file, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return result


def measure(model: Transformer, run: TrainingRun) -> dict[str, dict[str, float]]:
    """The held-out loss of each domain, in nats per token, and the accuracy in each benchmark."""
    held_out = {
        name: spread_batches(
            evaluation_loader(
                domain,
                run.plan.sequence_length,
                run.settings.batch_size,
                mask_documents=run.settings.mask_documents,
            ),
            run.settings.held_out_batches,
        )
        for name, domain in run.held_out.items()
    }
    return {
        "losses": {name: one.loss for name, one in held_out_losses(model, held_out).items()},
        "accuracies": {
            name: multiple_choice(model, run.tokenizer, items).accuracy
            for name, items in run.benchmarks.items()
        },
    }
