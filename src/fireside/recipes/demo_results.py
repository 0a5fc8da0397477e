"""`results.json` of a demonstration: everything the page and the table show, findings included."""

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from fireside.agents.question import Question
from fireside.recipes.run import Run

__all__ = ["demo_results", "question_kinds"]

LICENCES = (
    "SmolLM2-135M-Instruct: Apache-2.0",
    "all-MiniLM-L6-v2: Apache-2.0",
    "CIA World Factbook: public domain",
    "Python's reference manual and library: PSF-2.0",
)
VERSIONS = ("fireside", "torch", "onnxruntime", "numpy")


def demo_results(
    run: Run,
    *,
    seed: int,
    documents: Mapping[str, Any],
    questions: Mapping[str, Any],
    index: Mapping[str, Any],
    pretraining: Mapping[str, Any],
    agent: Mapping[str, Any],
) -> dict[str, Any]:
    """Put the results of all stages together."""
    records = [record for record in run.records() if record.name != "report"]
    return {
        "run": {
            "id": run.directory.name,
            "date": datetime.date.today().isoformat(),
            "seconds": sum(record.seconds for record in records),
            "machine": f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}",
            "seed": seed,
            "peak_memory_mib": max(record.peak_memory_mib for record in records),
            "versions": {name: version(name) for name in VERSIONS},
        },
        "findings": [*agent_findings(agent), *mixture_findings(pretraining)],
        "documents": documents,
        "questions": questions,
        "index": {**index, "seconds": run.record("index").seconds},
        "pretrain": pretraining,
        "agent": agent,
        "stages": [
            {"title": one.title, "seconds": one.seconds, "peak_memory_mib": one.peak_memory_mib}
            for one in records
        ],
        "licences": list(LICENCES),
    }


def agent_findings(agent: Mapping[str, Any]) -> list[str]:
    """What the differences between systems say, and what they do not."""
    if agent["training"]["steps"] == 0:
        return [
            f"None of the {agent['training']['groups']} groups had both right and wrong answers, so there "
            "was nothing to learn from: the trained agent is the base agent."
        ]
    what = ("The update", "Thinking in parallel", "The majority of the same rollouts")
    return [
        _difference(name, row, agent["num_questions"])
        for name, row in zip(what, agent["differences"], strict=True)
    ]


def mixture_findings(pretraining: Mapping[str, Any]) -> list[str]:
    """Which domains the upsampled mixture helped, and which it cost."""
    base, upsampled = pretraining["losses"]["base"], pretraining["losses"]["upsampled"]
    changes = [f"{domain} {upsampled[domain] - base[domain]:+.3f}" for domain in pretraining["domains"]]
    share = 1 - pretraining["branch_fraction"]
    return [
        f"Upsampling in the last {100 * share:.0f} % of training moved the held-out loss by domain, in nats "
        f"per token: {', '.join(changes)}. One seed: differences of a few thousandths are noise."
    ]


def _difference(what: str, row: Mapping[str, Any], count: int) -> str:
    points, low, high = (100 * row[key] for key in ("difference", "low", "high"))
    if low > 0:
        verdict = "helped"
    elif high < 0:
        verdict = "hurt"
    else:
        verdict = "made no difference that these questions can tell"
    return (
        f"{what} {verdict}: {points:+.1f} points of nuggets on {count} held-out questions, 95 % interval "
        f"{low:+.1f} to {high:+.1f}."
    )


def question_kinds(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """One line a kind: how many of each split, and the first as an example."""
    rows = []
    for kind in sorted({question.kind for question in questions}):
        mine = [question for question in questions if question.kind == kind]
        rows.append(
            {
                "kind": kind,
                "train": sum(question.split == "train" for question in mine),
                "heldout": sum(question.split == "heldout" for question in mine),
                "example": mine[0].text,
                "answer": "; ".join(nugget.text for nugget in mine[0].nuggets),
            }
        )
    return rows
