"""Fitted pipelines on single rows: predictors, and what a saved pipeline reads and makes."""

from fireside.ml.serving.predictor import Predictor

__all__ = ["Predictor"]
