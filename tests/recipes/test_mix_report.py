"""The verdict of a sweep: known effects are found, and what is missing or broken is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from fireside.cli import mix_report
from fireside.core.errors import InputError
from fireside.recipes.mix_report import findings, headline, read_sweep, verdict_of, write_sweep_report
from fireside.recipes.mix_report.curves import loss_curves
from tests.recipes.example_sweep import DOMAINS, TARGET_GAINS, WEB_GAINS, example_sweep, write_json


def edit(file: Path, **changes: Any) -> None:
    write_json(file, {**json.loads(file.read_text()), **changes})


def loss_of(directory: Path, replicate: int, branch: str, domain: str) -> float:
    file = directory / "runs" / f"prefix-{replicate}-order-0" / branch / "result.json"
    return float(json.loads(file.read_text())["losses"][domain])


def test_known_effects_come_out(tmp_path: Path) -> None:
    verdict = verdict_of(read_sweep(example_sweep(tmp_path / "sweep", noise=1e-4)))
    for row in verdict.gains[:4]:
        assert row.duration is not None
        assert row.target is not None
        assert row.general is not None
        assert row.target.mean == pytest.approx(TARGET_GAINS[row.duration], abs=5e-4)
        assert row.general.mean == pytest.approx(WEB_GAINS[row.duration], abs=5e-4)
    assert (verdict.duration.best, verdict.duration.tied) == (0.2, ())
    assert verdict.duration.admissible == (0.05, 0.1, 0.2)
    assert [(row.data_set, row.worth) for row in verdict.utilities] == [
        ("code", "keep"),
        ("papers", "keep"),
        ("forum", "drop"),
    ]
    code = verdict.utilities[0]
    assert code.target is not None
    assert code.target.mean == pytest.approx((0.2 + 0.02 + 0.02) / 3, abs=5e-4)
    assert (code.share, code.tokens) == (0.3, round(0.3 * 400 * 4096))
    assert headline(verdict) == "Upsample for the last 20 % of training"


def test_a_cell_of_the_utility_table_is_a_paired_t_test(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep", num_prefixes=4)
    verdict = verdict_of(read_sweep(directory))
    without = [loss_of(directory, r, "without-1-20", "papers") for r in range(4)]
    whole = [loss_of(directory, r, "upsampled-20", "papers") for r in range(4)]
    expected = scipy.stats.ttest_rel(without, whole)
    cell = verdict.utilities[0].measures[DOMAINS.index("papers")]
    assert cell is not None
    assert cell.mean == pytest.approx(np.mean(without) - np.mean(whole))
    assert cell.p == pytest.approx(expected.pvalue)
    assert (cell.low, cell.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert cell.adjusted_p is not None
    assert cell.p <= cell.adjusted_p


def test_noise_makes_it_say_that_it_cannot_tell(tmp_path: Path) -> None:
    verdict = verdict_of(read_sweep(example_sweep(tmp_path / "sweep", noise=0.1)), tolerance=0.3)
    assert {row.worth for row in verdict.utilities} == {"cannot tell"}
    assert verdict.duration.tied
    said = " ".join(findings(verdict))
    assert "not told apart from" in said
    assert "Cannot tell: code" in said


def test_one_replicate_gives_numbers_without_intervals_and_says_so(tmp_path: Path) -> None:
    verdict, page = write_sweep_report(example_sweep(tmp_path / "sweep", num_prefixes=1))
    assert all(cell is not None and cell.low is None for row in verdict.gains for cell in row.measures)
    assert headline(verdict) == "20 % looks best, on one replicate"
    assert "One replicate tells nothing about noise" in " ".join(findings(verdict))
    assert "nothing is told apart from chance" in page.read_text()
    assert all(row.worth == "cannot tell" for row in verdict.utilities)


def test_a_small_tolerance_leaves_no_duration_and_a_negative_one_is_refused(tmp_path: Path) -> None:
    sweep = read_sweep(example_sweep(tmp_path / "sweep", noise=1e-4))
    verdict = verdict_of(sweep, tolerance=0.001)
    assert verdict.duration.best is None
    assert headline(verdict) == "No duration keeps the general loss within the tolerance"
    with pytest.raises(InputError, match=r"tolerance of -1"):
        verdict_of(sweep, tolerance=-1)


def test_what_replicates_of_one_run_share_is_paid_once(tmp_path: Path) -> None:
    costs = verdict_of(read_sweep(example_sweep(tmp_path / "sweep", num_prefixes=2, num_orders=3))).costs
    steps, own = 2000, 600 + 100 + 200 + 400 + 600 + 3 * 400
    assert costs.num_runs == 6 * 8
    assert costs.tokens.shared == 2 * 1400 * 4096
    assert costs.tokens.own == 6 * own * 4096
    assert costs.tokens.full_runs == 6 * 8 * steps * 4096
    assert costs.tokens.ratio == pytest.approx((2 * 1400 + 6 * own) / (48 * steps))
    assert costs.flops.ratio == pytest.approx(costs.tokens.ratio)
    assert costs.tokens.one_branch == pytest.approx((own - 600) / 7 / steps)


def test_a_half_finished_sweep_is_reported_with_what_is_missing(tmp_path: Path) -> None:
    missing = {("prefix-0-order-0", "upsampled-30"), ("prefix-2-order-0", "without-1-20")}
    directory = example_sweep(tmp_path / "sweep", ended=lambda *which: which not in missing)
    verdict, page = write_sweep_report(directory)
    assert set(verdict.missing) == missing
    assert [row.num_ended for row in verdict.gains] == [3, 3, 3, 2, 2, 3, 3]
    assert verdict.duration.num_replicates == 2
    code = verdict.utilities[0].target
    assert code is not None
    assert code.count == 2
    assert "2 of 24 branches have not ended" in " ".join(findings(verdict))
    assert page.read_text().count("<td>prefix-2-order-0</td><td>without-1-20</td>") == 1


def test_without_a_base_nothing_is_gained_but_utility_is_known(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep", ended=lambda _, branch: branch != "base")
    verdict, _ = write_sweep_report(directory)
    assert all(row.target is None for row in verdict.gains)
    assert verdict.duration.best is None
    assert headline(verdict).startswith("No recommendation yet")
    assert verdict.utilities[0].worth == "keep"
    assert not (directory / "plots" / "trade-off.svg").exists()


def test_a_loss_that_is_no_number_is_left_out_and_named(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep")
    file = directory / "runs" / "prefix-1-order-0" / "upsampled-20" / "result.json"
    losses = json.loads(file.read_text())["losses"]
    edit(file, losses={**losses, "code": None})
    verdict, page = write_sweep_report(directory)
    assert verdict.not_numbers == ("prefix-1-order-0, upsampled-20: code",)
    assert "prefix-1-order-0, upsampled-20: code" in page.read_text()
    assert verdict.gains[2].target is not None
    assert verdict.gains[2].target.count == 2


def test_a_domain_without_held_out_texts_is_left_out_of_the_mean_and_named(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep", noise=0.0)
    for file in directory.glob("runs/*/*/result.json"):
        losses = json.loads(file.read_text())["losses"]
        edit(file, losses={name: loss for name, loss in losses.items() if name != "forum"})
    verdict, page = write_sweep_report(directory)
    code = verdict.utilities[0].target
    assert code is not None
    assert code.mean == pytest.approx((0.2 + 0.02) / 2)
    assert "left out of them: forum" in page.read_text()


def test_the_files_agree_with_the_verdict(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep")
    verdict, page = write_sweep_report(directory)
    document = json.loads((directory / "verdict.json").read_text())
    assert document["headline"] == headline(verdict)
    assert document["duration"]["best"] == verdict.duration.best
    assert document["utilities"][0]["measures"][1]["mean"] == verdict.utilities[0].measures[1].mean  # type: ignore[union-attr]
    assert {file.name for file in (directory / "plots").iterdir()} == {
        "benchmarks.svg",
        "losses.svg",
        "trade-off.svg",
        "utilities.svg",
    }
    assert page == directory / "report.html"


def test_loss_curves_begin_where_branches_leave_and_stand_torn_lines(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep", num_prefixes=1)
    metrics = directory / "runs" / "prefix-0-order-0" / "upsampled-20" / "metrics.jsonl"
    metrics.write_text(metrics.read_text() + 'broken\n{"step": 1999, "train/loss": "nan"}\n{"step": 20')
    replicate, curves = loss_curves(read_sweep(directory))
    assert replicate == "prefix-0-order-0"
    assert list(curves) == ["base", *(f"upsampled-{100 * duration:g}" for duration in TARGET_GAINS)]
    assert curves["base"][0][0] < 1400
    assert 1600 <= curves["upsampled-20"][0][0] < 1620
    assert all(np.isfinite(loss) for _, loss in curves["upsampled-20"])


def test_an_empty_directory_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no sweep\.json: give the directory"):
        write_sweep_report(tmp_path)


def test_a_sweep_of_which_nothing_has_ended_is_not_reported(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep", ended=lambda *_: False)
    with pytest.raises(InputError, match=r"no branch of .* has ended yet"):
        write_sweep_report(directory)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "has format 2, this version reads 1"),
        ({"branches": []}, "does not name exactly one base branch"),
        ({"replicates": []}, "names no replicate"),
        ({"replicates": ["../../etc"]}, "cannot be a folder"),
        ({"replicates": ["a", "a"]}, "twice"),
        ({"target": []}, "no target domain"),
        ({"removal_duration": 0.5}, "has no upsampled branch of that duration"),
        ({"checkpoints": ["one"]}, "names 1 checkpoints for 3 replicates"),
        ({"domains": 3}, "cannot be read"),
    ],
)
def test_a_description_that_cannot_be_used_says_why(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    directory = example_sweep(tmp_path / "sweep")
    edit(directory / "sweep.json", **changes)
    with pytest.raises(InputError, match=words):
        read_sweep(directory)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"losses": {"web": 3.0}}, r"has no held-out loss for 'code', 'papers', 'forum'"),
        ({"accuracies": {}}, r"has no accuracy for 'definitions', 'arithmetic'"),
        ({"branch": "base"}, r"is the result of 'base' of 'prefix-0-order-0'"),
        ({"tokens": 0}, "cannot be read"),
        ({"losses": "low"}, "cannot be read"),
    ],
)
def test_a_result_that_cannot_be_used_says_which(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    directory = example_sweep(tmp_path / "sweep")
    file = directory / "runs" / "prefix-0-order-0" / "upsampled-20" / "result.json"
    edit(file, **changes)
    with pytest.raises(InputError, match=words) as caught:
        read_sweep(directory)
    assert str(file) in str(caught.value)
    file.write_text('{"branch": "upsampled-20"')
    with pytest.raises(InputError, match=r"cannot be read .* run the sweep again"):
        read_sweep(directory)


def test_the_command_shows_the_recommendation_and_where_the_page_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = example_sweep(tmp_path / "s", domains=("web", "[red]code", "papers", "forum"))
    mix_report.report(directory, tolerance=0.05)
    said = capsys.readouterr().out
    assert said.startswith("Upsample for the last 20 % of training")
    assert "20 % ←" in said
    assert "[red]code" in said
    assert "report.html" in said
