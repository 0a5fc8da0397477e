"""Banded attention: window layers against full causal attention, and how their cost grows with the length.

Forward and backward pass of the attention of one layer with the paper's heads (12 query, 3 key/value, 64
wide), a window of 1,024, one sequence, float32. Full attention is torch's fused causal kernel. One thread,
and seconds of its processor time, the least of several rounds taken in turn: other programs on a shared
machine change that little. A window sees about T W pairs, so that a cost linear in T is an equal time for
each pair.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fireside.lm.banded_attention import banded_attention, full_attention
from fireside.lm.flops import visible_pairs
from harness import bar, run_benchmark

SEED = 11
HEADS, KV_HEADS, HEAD_DIM = 12, 3, 64
WINDOW, LENGTH = 1024, 8192
LENGTHS = (2048, 4096, 8192, 16_384, 32_768)

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]


def windowed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What a sliding layer computes."""
    return banded_attention(q, k, v, window=WINDOW)


def measure(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All rows and bars."""
    torch.set_num_threads(1)
    rounds = 2 if quick else 6
    at_8k = least_seconds({"full": (full_attention, LENGTH), "window": (windowed, LENGTH)}, rounds)
    by_length = least_seconds({str(length): (windowed, length) for length in LENGTHS}, rounds)
    rows = [
        {"attention": name, "tokens": LENGTH, "forward_s": forward, "backward_s": backward}
        for name, (forward, backward) in at_8k.items()
    ]
    ns_a_pair = {}
    for length in LENGTHS:
        seconds = sum(by_length[str(length)])
        ns_a_pair[length] = seconds * 1e9 / (HEADS * visible_pairs(length, WINDOW))
        rows.append(
            {
                "attention": "window",
                "tokens": length,
                "seconds": seconds,
                "ns_a_visible_pair": ns_a_pair[length],
            }
        )
    return rows, [
        bar(
            "window layers at 8k, times the speed of full causal attention, forward and backward",
            ">= 3",
            sum(at_8k["full"]) / sum(at_8k["window"]),
        ),
        bar(
            "time for a visible pair from 2k to 32k tokens, largest over smallest",
            "<= 1.25",
            max(ns_a_pair.values()) / min(ns_a_pair.values()),
        ),
        bar(
            "32k tokens, times the cost of 16k",
            "<= 2.2",
            sum(by_length["32768"]) / sum(by_length["16384"]),
        ),
    ]


def least_seconds(cases: dict[str, tuple[Attention, int]], rounds: int) -> dict[str, tuple[float, float]]:
    """Forward and backward processor seconds of each case in its best round."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (attention, length) in cases.items():
            found[name].append(seconds_of(attention, length))
    return {name: min(pairs, key=sum) for name, pairs in found.items()}


def seconds_of(attention: Attention, length: int) -> tuple[float, float]:
    """Forward and backward processor seconds."""
    generator = torch.Generator().manual_seed(SEED)
    q, k, v, grad = (
        torch.randn(1, heads, length, HEAD_DIM, generator=generator)
        for heads in (HEADS, KV_HEADS, KV_HEADS, HEADS)
    )
    for tensor in (q, k, v):
        tensor.requires_grad_()
    start = time.process_time()
    out = attention(q, k, v)
    middle = time.process_time()
    out.backward(grad)
    return middle - start, time.process_time() - middle


if __name__ == "__main__":
    run_benchmark("banded_attention", measure, packages=("torch",), seeds=(SEED,))
