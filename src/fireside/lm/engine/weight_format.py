"""How an engine stores the matrices of a model."""

from typing import Literal, get_args

__all__ = ["WEIGHT_FORMATS", "WeightFormat"]

WeightFormat = Literal["fp32", "int8"]
"""Numbers as they are, or rounded to a byte each, with one scale for every output."""

WEIGHT_FORMATS: tuple[WeightFormat, ...] = get_args(WeightFormat)
