"""The metrics file survives kills and odd numbers."""

from pathlib import Path

import pytest

from fireside.core.metrics import MetricsWriter, read_metrics


def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with MetricsWriter(path) as metrics:
        metrics.log(1, {"a/b": 1})
    path.write_bytes(path.read_bytes() + b'{"step": 2, "a/')
    with MetricsWriter(path) as metrics:
        metrics.log(2, {"a/b": 2})
    assert [(line["step"], line["a/b"]) for line in read_metrics(path)] == [(1, 1), (2, 2)]


def test_a_loss_that_diverged_can_be_read(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path / "m") as metrics:
        metrics.log(1, {"train/loss": float("nan"), "train/norm": float("inf")})
    (line,) = read_metrics(tmp_path / "m")
    assert (line["train/loss"], line["train/norm"]) == ("nan", "inf")


def test_a_key_without_a_group_is_refused(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path / "m") as metrics, pytest.raises(ValueError, match="group/name"):
        metrics.log(1, {"loss": 1.0})
