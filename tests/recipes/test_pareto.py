"""`fireside lm pareto`: a table by hand, comparisons that go on, and what cannot be compared."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from fireside.cli.main import main
from fireside.core.errors import ConfigError, InputError, ResumeError
from fireside.core.seeding import RandomStreams
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.mixing.student_t import t_quantile
from fireside.recipes.map_sweep import run_map_sweep
from fireside.recipes.pareto import ParetoConfig, TextTask, pareto, pareto_models
from fireside.recipes.pareto_table import pareto_markdown, pareto_rows

TEXTS = [f"line {number}: a fire by the sea, {'a long way off' * (number % 3)}" for number in range(120)]
SETTINGS = ParetoConfig(
    maps=("standard", "0_1s_1s_3s"),
    seeds=(0, 1),
    num_layers=4,
    hidden_size=16,
    head_dim=8,
    num_kv_heads=1,
    window=4,
    context_length=16,
    num_steps=4,
    batch_size=2,
    vocab_size=280,
    held_out_rows=4,
)
TRAINING = TrainingConfig(num_steps=6, schedule=LearningRateSchedule(peak=1e-2, kind="linear"))


def result(model: str, seed: int, kv_bytes: int, loss: float) -> dict[str, Any]:
    return {
        "model": model,
        "seed": seed,
        "layer_map": "0",
        "parameters": 10,
        "kv_bytes": kv_bytes,
        "scores": {"loss": loss},
    }


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pareto")
    pareto(directory, TEXTS, SETTINGS)
    return directory


@pytest.fixture
def task(tmp_path: Path) -> TextTask:
    rows = np.random.default_rng(0).integers(60, size=(20, 17), dtype=np.int32)
    task = TextTask(training=tmp_path / "training.npy", held_out=tmp_path / "held-out.npy", batch_size=2)
    np.save(task.training, rows[:16])
    np.save(task.held_out, rows[16:])
    return task


def test_a_table_worked_out_by_hand() -> None:
    results = [
        result("full", 0, 400, 1.0),
        result("full", 1, 400, 1.2),
        result("shared", 0, 100, 1.2),
        result("shared", 1, 100, 1.4),
        result("small", 0, 120, 1.5),
        result("small", 1, 120, 1.9),
    ]
    shared, small, full = pareto_rows(results, baselines={"shared": "small"})
    assert [row.model for row in (shared, small, full)] == ["shared", "small", "full"]
    assert [row.on_front for row in (shared, small, full)] == [True, False, True]
    assert shared.loss.mean == pytest.approx(1.3)
    # Two values 0.2 apart: a standard error of 0.1.
    assert shared.loss.high == pytest.approx(1.3 + 0.1 * t_quantile(1))
    # Seed by seed -0.3 and -0.5.
    assert shared.baseline == "small"
    assert shared.against_baseline is not None
    assert shared.against_baseline.mean == pytest.approx(-0.4)
    assert shared.against_baseline.high == pytest.approx(-0.4 + 0.1 * t_quantile(1))
    lines = pareto_markdown([shared, small, full]).splitlines()
    assert lines[2].startswith("| **shared** | 100 | 10 | 1.300 (")
    assert lines[2].endswith(" (small) |")
    assert lines[3].startswith("| small | 120 | 10 | 1.700 (")


def test_a_comparison_cut_short_compares_the_seeds_that_there_are() -> None:
    results = [result("shared", 0, 100, 1.2), result("shared", 1, 100, 1.4), result("small", 0, 120, 1.5)]
    shared, small = pareto_rows(results, baselines={"shared": "small"})
    assert shared.against_baseline is not None
    assert shared.against_baseline.count == 1
    assert (small.loss.count, small.loss.low) == (1, None)


def test_every_map_is_trained_on_every_seed_and_held_against_its_baseline(compared: Path) -> None:
    told = msgspec.json.decode((compared / "pareto.json").read_bytes())
    assert {(run["model"], run["seed"]) for run in told["runs"]} == {
        (model, seed) for model in ("standard", "0_1s_1s_3s", "standard-2-layers-1-kv") for seed in (0, 1)
    }
    rows = {row["model"]: row for row in told["rows"]}
    # One full layer of 16 keys and two windows of 4: 24 keys of 8 numbers, K and V, 4 bytes each.
    assert rows["0_1s_1s_3s"]["kv_bytes"] == 24 * 8 * 2 * 4
    assert rows["standard-2-layers-1-kv"]["kv_bytes"] == 32 * 8 * 2 * 4
    assert rows["0_1s_1s_3s"]["baseline"] == "standard-2-layers-1-kv"
    assert all(0 < run["scores"]["loss"] < np.log(300) for run in told["runs"])
    assert "0_1s_1s_3s" in (compared / "pareto.md").read_text()
    assert (compared / "pareto.svg").read_text().count("0_1s_1s_3s") == 1


def test_what_is_done_is_not_done_again_and_the_rest_gives_the_same(compared: Path) -> None:
    before = msgspec.json.decode((compared / "pareto.json").read_bytes())
    again = compared / "sweep" / "runs" / "1" / "standard"
    (again / "result.json").unlink()
    pareto(compared, TEXTS, SETTINGS)
    after = msgspec.json.decode((compared / "pareto.json").read_bytes())
    for old in before["runs"]:
        (new,) = [run for run in after["runs"] if (run["model"], run["seed"]) == (old["model"], old["seed"])]
        if (old["model"], old["seed"]) == ("standard", 1):
            assert new["scores"] == old["scores"]
        else:
            assert new == old


def test_a_killed_run_goes_on_from_its_checkpoint(task: TextTask, tmp_path: Path) -> None:
    shape = replace(pareto_models(SETTINGS, 60)[0]["standard"], vocab_size=60)
    (whole,) = run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "whole", seeds=[3])
    run = tmp_path / "cut" / "runs" / "3" / "standard"
    model = Transformer(shape, seed=RandomStreams(3).integer("weights"))
    Trainer(model, task.source(3), TRAINING, run).run(until_step=4)
    started = (run / "checkpoints" / "step-00000004" / "weights.safetensors").stat().st_mtime_ns
    (cut,) = run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "cut", seeds=[3])
    assert cut["scores"] == whole["scores"]
    assert cut["tokens"] == whole["tokens"]
    assert (run / "checkpoints" / "step-00000004" / "weights.safetensors").stat().st_mtime_ns == started


def test_a_sweep_goes_on_where_configurations_have_got_new_settings_and_not_where_its_file_is_broken(
    task: TextTask, tmp_path: Path
) -> None:
    shape = replace(pareto_models(SETTINGS, 60)[0]["standard"], vocab_size=60)
    (first,) = run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "sweep", seeds=[3])
    file = tmp_path / "sweep" / "sweep.json"
    told = msgspec.json.decode(file.read_bytes())
    del told["models"]["standard"]["post_norms"], told["training"]["precision"]
    file.write_bytes(msgspec.json.encode(told))
    assert list(run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "sweep", seeds=[3])) == [first]
    for broken in (b"{", b"{}", b'{"format": 1, "models": {"standard": {"layers": 3}}}'):
        file.write_bytes(broken)
        with pytest.raises(ResumeError, match="cannot be read"):
            list(run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "sweep", seeds=[3]))


def test_runs_beside_each_other_give_what_one_after_another_do_and_a_failure_stops_no_other(
    task: TextTask, tmp_path: Path
) -> None:
    shape = replace(pareto_models(SETTINGS, 60)[0]["standard"], vocab_size=60)
    models = {"too-few-tokens": replace(shape, vocab_size=10), "standard": shape}
    (alone,) = run_map_sweep({"standard": shape}, task, TRAINING, tmp_path / "alone", seeds=[3])
    beside = run_map_sweep(models, task, TRAINING, tmp_path / "beside", seeds=[3], jobs=2, threads=1)
    assert next(beside)["scores"] == pytest.approx(alone["scores"], rel=1e-6)
    with pytest.raises(InputError, match="the model knows 0 to 9"):
        next(beside)


@pytest.mark.parametrize(
    ("settings", "texts", "complaint"),
    [
        (replace(SETTINGS, num_steps=5), TEXTS, "another training"),
        (replace(SETTINGS, window=5), TEXTS, "another shape of standard, shape of 0_1s_1s_3s"),
        (SETTINGS, TEXTS[:-9], "another task"),
    ],
)
def test_another_comparison_is_refused(
    compared: Path, settings: ParetoConfig, texts: list[str], complaint: str
) -> None:
    with pytest.raises(ResumeError, match=complaint):
        pareto(compared, texts, settings)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_steps": 0}, "num_steps must be at least 1, got 0"),
        ({"held_out_every": 1}, "held_out_every must be at least 2"),
        ({"maps": ()}, "at least one layer map"),
        ({"hidden_size": 20}, "hidden_size .20. must be a multiple of head_dim .8."),
        ({"maps": ("ma-ofset",)}, "no layer map is called 'ma-ofset'"),
        ({"maps": ("0_1s",)}, "has 2 layers, asked for are 4"),
        ({"seeds": (1, 1)}, "seeds 1, 1 are not all different"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        pareto(tmp_path, TEXTS, replace(SETTINGS, **changes))


def test_too_little_text_and_missing_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give more text"):
        pareto(tmp_path, TEXTS[:1], replace(SETTINGS, context_length=512))
    with pytest.raises(InputError, match="run the sweep first"):
        pareto_rows([])
    with pytest.raises(InputError, match="was not measured by 'recall', only by loss"):
        pareto_rows([result("full", 0, 1, 1.0)], score="recall")


def test_the_command_prints_the_table_of_a_finished_comparison(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "texts.jsonl"
    text.write_bytes(b"".join(msgspec.json.encode({"text": one}) + b"\n" for one in TEXTS))
    options = ["--layers=4", "--hidden=16", "--head-dim=8", "--kv-heads=1", "--window=4", "--context=16"]
    options += ["--steps=4", "--batch-size=2", "--seeds=2", "--maps=standard,0_1s_1s_3s"]
    with pytest.raises(SystemExit) as ended:
        main(["lm", "pareto", str(text), "--out", str(compared / "command"), *options, "--no-baselines"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "0_1s_1s_3s" in shown
    assert "standard-2" not in shown
    with pytest.raises(SystemExit) as ended:
        main(["lm", "pareto", str(text), "--out", str(tmp_path / "none"), *options, "--maps=ma-ofset"])
    assert ended.value.code == 2
    assert "no layer map is called 'ma-ofset'" in capsys.readouterr().err
