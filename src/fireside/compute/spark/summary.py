"""Summaries of Spark's columns of vectors, as expressions for `select`."""

from collections.abc import Sequence
from typing import Any

from pyspark.ml.stat import Summarizer
from pyspark.sql import Column

__all__ = ["metric_expression", "summary_expression"]


def summary_expression(metrics: Sequence[str], features: Column, weights: Column | None) -> Any:
    """Spark's own summary of some metrics, a column of structs."""
    return Summarizer.metrics(*metrics).summary(features, weights)


def metric_expression(metric: str, features: Column, weights: Column | None) -> Any:
    """Spark's own summary of one metric, a column of its values."""
    return getattr(Summarizer, metric)(features, weights)
