"""K/V bytes against quality, from the results of a map sweep: means over seeds, the front, the baselines."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from fireside.core.errors import InputError
from fireside.lm.evaluate.pareto_front import pareto_front
from fireside.mixing.estimate import Estimate, estimate

__all__ = ["ParetoRow", "pareto_markdown", "pareto_rows", "shown"]


class ParetoRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a sweep.

    Attributes:
        model: its name.
        layer_map: in the paper's notation.
        parameters: numbers that were trained.
        kv_bytes: keys and values of a sequence that fills the context.
        loss: mean over seeds with its 95 % interval.
        on_front: whether no other model has both fewer bytes and a lower mean loss.
        baseline: the standard model of equal K/V that it is held against; `None`: there is none.
        against_baseline: its loss minus the baseline's, seed by seed.
    """

    model: str
    layer_map: str
    parameters: int
    kv_bytes: int
    loss: Estimate
    on_front: bool
    baseline: str | None = None
    against_baseline: Estimate | None = None


def pareto_rows(
    results: Sequence[Mapping[str, Any]], *, score: str = "loss", baselines: Mapping[str, str] | None = None
) -> list[ParetoRow]:
    """One row a model, in order of K/V bytes, then of loss.

    Args:
        results: of `run_map_sweep`.
        score: the loss to compare by; smaller is better.
        baselines: model -> the model that it is held against.

    Raises:
        InputError: there are no results, or one lacks the score.
    """
    by_model: dict[str, dict[int, Mapping[str, Any]]] = {}
    for one in results:
        if score not in one["scores"]:
            raise InputError(
                f"{one['model']} was not measured by {score!r}, only by {', '.join(one['scores'])}"
            )
        by_model.setdefault(one["model"], {})[one["seed"]] = one
    if not by_model:
        raise InputError("there are no results to compare: run the sweep first")
    losses = {
        name: {seed: float(one["scores"][score]) for seed, one in seeds.items()}
        for name, seeds in by_model.items()
    }
    means = {name: _estimate(list(seeds.values())) for name, seeds in losses.items()}
    sizes = {name: int(next(iter(seeds.values()))["kv_bytes"]) for name, seeds in by_model.items()}
    names = list(by_model)
    front = {names[index] for index in pareto_front([(sizes[name], means[name].mean) for name in names])}
    rows = []
    for name in sorted(names, key=lambda one: (sizes[one], means[one].mean)):
        baseline = (baselines or {}).get(name)
        shared = sorted(losses[name].keys() & losses.get(baseline or "", {}).keys())
        first = next(iter(by_model[name].values()))
        rows.append(
            ParetoRow(
                model=name,
                layer_map=first["layer_map"],
                parameters=first["parameters"],
                kv_bytes=sizes[name],
                loss=means[name],
                on_front=name in front,
                baseline=baseline if shared else None,
                against_baseline=(
                    _estimate([losses[name][seed] - losses[baseline][seed] for seed in shared])
                    if shared and baseline
                    else None
                ),
            )
        )
    return rows


def pareto_markdown(rows: Sequence[ParetoRow]) -> str:
    """A table; models on the front are bold."""
    lines = [
        "| model | K/V bytes | parameters | loss | against the standard model of equal K/V |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        name = f"**{row.model}**" if row.on_front else row.model
        against = (
            ""
            if row.against_baseline is None
            else f"{shown(row.against_baseline, sign='+')} ({row.baseline})"
        )
        lines.append(f"| {name} | {row.kv_bytes:,} | {row.parameters:,} | {shown(row.loss)} | {against} |")
    return "\n".join(lines) + "\n"


def shown(one: Estimate, digits: int = 3, sign: str = "") -> str:
    """A mean with its interval.

    >>> shown(Estimate(mean=0.5, count=3, low=0.25, high=0.75)), shown(Estimate(mean=0.5, count=1), sign="+")
    ('0.500 (0.250 to 0.750)', '+0.500')
    """
    number = f"{sign}.{digits}f"
    interval = "" if one.low is None else f" ({one.low:{number}} to {one.high:{number}})"
    return f"{one.mean:{number}}{interval}"


def _estimate(values: Sequence[float]) -> Estimate:
    one = estimate(np.array(values, dtype=np.float64))
    if one is None:
        raise InputError("no run of a model gave a finite loss: look into its metrics.jsonl")
    return one
