"""Guessed tokens on SmolLM2-135M-Instruct: how much sooner an answer ends, by what it is about.

`quote` asks to repeat a paragraph word for word, `edit` to repeat code with one name changed, `story` to
write freely. Everything decodes greedily on one stream; with guesses the tokens must be the same. Settings
take turns in one process, and the best of some rounds counts.
"""

import time

from fireside.core.protocols import Message, SampleRequest, SamplingParams
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from harness import Bar, Row, bar, run_benchmark

DRAFTS = (0, 3, 7)
PARAGRAPH = (
    "The lighthouse on the northern cape was built in 1874 by the brothers Anton and Elias Lund, who had "
    "learnt their trade in the harbours of the south. Its lamp stands forty-two metres above the sea and can "
    "be seen from twenty-one nautical miles away. In winter the keeper climbs two hundred and eleven steps "
    "every evening, because the lift that was promised in 1962 has never been built. Since 1998 the light "
    "has been electric, and yet the keeper still trims the old oil lamp once a week, for the day when the "
    "cable to the mainland breaks again."
)
CODE = """def total_price(items, discount):
    total = 0.0
    for item in items:
        price = item["price"] * item["quantity"]
        if item["taxed"]:
            price = price * 1.19
        total = total + price
    if discount:
        total = total - total * discount
    return round(total, 2)
"""
TASKS = {
    "quote": f"Repeat this text word for word, and write nothing else.\n\n{PARAGRAPH}",
    "edit": f"Rename the variable total to amount in this code, and write only the code.\n\n{CODE}",
    "story": "Write a story about a fox who wants to become a musician.",
}


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """Every task with every number of guesses."""
    model, tokenizer = load_gguf(find_smollm2())
    engines = {
        drafts: Engine(model, tokenizer, EngineConfig(num_draft_tokens=drafts, remember_prefixes=False))
        for drafts in DRAFTS
    }
    params = SamplingParams(max_tokens=40 if quick else 120, temperature=0.0)
    rows = []
    num_different = 0
    for task, prompt in TASKS.items():
        request = SampleRequest(engines[0].chat_tokens([Message("user", prompt)], first=True), params)
        seconds: dict[int, list[float]] = {drafts: [] for drafts in DRAFTS}
        answers = {}
        for _ in range(1 if quick else 4):
            for drafts, engine in engines.items():
                before = engine.load()
                start = time.perf_counter()
                answers[drafts] = engine.sample([request])[0].tokens
                seconds[drafts].append(time.perf_counter() - start)
                after = engine.load()
                drafted = after.num_drafted_tokens - before.num_drafted_tokens
                accepted = after.num_accepted_tokens - before.num_accepted_tokens
                if len(seconds[drafts]) == 1:
                    rows.append(
                        {
                            "task": task,
                            "drafts": drafts,
                            "tokens": len(answers[drafts]),
                            "drafted": drafted,
                            "accepted": accepted,
                        }
                    )
        num_different += sum(answer != answers[0] for answer in answers.values())
        for row in rows[-len(DRAFTS) :]:
            row["tokens_per_second"] = row["tokens"] / min(seconds[row["drafts"]])
            row["times"] = min(seconds[0]) / min(seconds[row["drafts"]])
    times = {row["task"]: row["times"] for row in rows if row["drafts"] == DRAFTS[-1]}
    return rows, [
        bar("answers that guesses changed", "<= 0", num_different),
        bar("quoting with 7 guesses, times the speed without", ">= 2", times["quote"]),
        bar("writing freely with 7 guesses, times the speed without", ">= 0.9", times["story"]),
    ]


if __name__ == "__main__":
    run_benchmark("speculation", measure, packages=("torch", "numba"))
