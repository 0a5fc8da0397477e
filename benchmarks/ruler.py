"""RULER over SmolLM2-135M-Instruct: all thirteen tasks at short lengths, few samples.

Haystack and questions come from the World Factbook, so that scores cannot be compared with published ones.
The bars are those of the machinery: no prompt exceeds its length, and prompts are made faster than answered.
"""

import time
from typing import Any

from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.evaluate.ruler import RULER_TASKS, ruler_prompts
from fireside.recipes.evaluate_model import RulerConfig, engine_of, evaluate_ruler
from fireside.recipes.ruler_texts import ruler_texts
from harness import bar, run_benchmark

SEED = 0


def measure(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All rows and bars."""
    settings = RulerConfig(lengths=(512,) if quick else (512, 1024), num_samples=1 if quick else 5, seed=SEED)
    texts = ruler_texts()
    engine, prompting = engine_of(*load_gguf(find_smollm2()), "SmolLM2-135M-Instruct")
    start = time.perf_counter()
    for length in settings.lengths:
        for task in RULER_TASKS:
            ruler_prompts(
                task, length=length, num_samples=settings.num_samples, texts=texts, count=prompting.count
            )
    making = time.perf_counter() - start
    start = time.perf_counter()
    results = evaluate_ruler(engine, prompting, texts, settings)
    answering = time.perf_counter() - start
    rows = [
        {"task": task, "length": int(length), **cell}
        for task, cells in {**results["tasks"], "average": results["averages"]}.items()
        for length, cell in cells.items()
    ]
    rows.append(
        {
            "task": "seconds",
            "making": making,
            "making_and_answering": answering,
            "prompts": len(results["answers"]),
            "prompt_tokens": sum(one["num_tokens"] for one in results["answers"]),
        }
    )
    longest = max(
        (one["num_tokens"] + RULER_TASKS[one["task"]].answer_tokens) / one["length"]
        for one in results["answers"]
    )
    return rows, [
        bar("prompt and room for the answer, as a share of the length, at most", "<= 1", longest),
        bar("seconds of making prompts, as a share of the whole run", "<= 0.1", making / answering),
    ]


if __name__ == "__main__":
    run_benchmark("ruler", measure, packages=("torch",), seeds=(SEED,))
