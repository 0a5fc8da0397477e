"""Hand-made results of a run, hostile text included, for tests of what is shown."""

from typing import Any

HOSTILE = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


def example_results() -> dict[str, Any]:
    """A small `results.json` with every field the page reads."""
    system = {
        "low": 0.1,
        "high": 0.4,
        "by_kind": {"lookup": 0.5},
        "recall": 0.75,
        "searches": 1.5,
        "tokens": 420.0,
        "seconds": 3.2,
    }
    return {
        "run": {
            "id": "demo-1",
            "date": "2026-01-01",
            "seconds": 500.0,
            "machine": "2 cores",
            "seed": 1,
            "peak_memory_mib": 1234.5,
            "versions": {"numpy": "2.0"},
        },
        "findings": ["The update did not help within this budget."],
        "documents": {
            "source": HOSTILE,
            "num_documents": 256,
            "num_characters": 5_000_000,
            "num_chunks_before": 7000,
            "num_duplicates": 12,
            "num_chunks": 6988,
            "similarity": 0.8,
            "clusters": [{"name": HOSTILE, "chunks": 4000}, {"name": "trade, exports", "chunks": 2988}],
            "unreadable": [{"path": HOSTILE, "reason": "not text"}],
        },
        "index": {
            "model": "MiniLM",
            "dimension": 384,
            "megabytes": 12.0,
            "seconds": 40.0,
            "k": 5,
            "recall": 0.9,
        },
        "questions": {
            "total": 40,
            "kinds": [
                {"kind": "lookup", "train": 20, "heldout": 20, "example": HOSTILE, "answer": HOSTILE},
            ],
        },
        "pretrain": {
            "parameters": 1_000_000,
            "layer_map": "0_1s",
            "window": 64,
            "kv_share": 0.2,
            "context_length": 8192,
            "tokens": 1_000_000,
            "branch_fraction": 0.8,
            "branch_tokens": 800_000,
            "domains": ["documents", "reference", "code"],
            "domain_tokens": {"documents": 1, "reference": 2, "code": 3},
            "base_weights": {"documents": 0.1, "reference": 0.2, "code": 0.7},
            "upsampled_weights": {"documents": 0.4, "reference": 0.3, "code": 0.3},
            "losses": {
                "base": {"documents": 3.0, "reference": 2.5, "code": 2.0},
                "upsampled": {"documents": 2.7, "reference": 2.4, "code": 2.1},
            },
            "curves": {"base": [(0.0, 7.0), (1e6, 2.5)], "upsampled": [(8e5, 2.8), (1e6, 2.6)]},
        },
        "agent": {
            "model": "SmolLM2",
            "judge": "exact matching",
            "num_questions": 20,
            "kinds": ["lookup"],
            "systems": [
                {"name": "base", "score": 0.2, **system},
                {"name": "trained", "score": 0.3, **system},
                {"name": "3 in parallel", "score": 0.35, **system},
            ],
            "differences": [{"name": "trained − base", "difference": 0.1, "low": -0.05, "high": 0.2}],
            "training": {
                "rollouts": 48,
                "groups": 6,
                "group_size": 8,
                "all_right": 1,
                "all_wrong": 3,
                "kept": 2,
                "steps": 4,
                "beta1": 1.0,
                "beta2": 0.01,
                "learning_rate": 1e-5,
                "trainable_layers": 6,
                "pass_rates": [{"pass_rate": "0 / 8", "groups": 3}, {"pass_rate": "8 / 8", "groups": 1}],
            },
            "traces": [
                {
                    "question": HOSTILE,
                    "kind": "lookup",
                    "system": "trained",
                    "score": 1.0,
                    "turns": [{"role": "assistant", "text": HOSTILE}, {"role": "tool", "text": HOSTILE}],
                    "nuggets": [HOSTILE],
                    "citations": ["fr"],
                    "ended": "answered",
                }
            ],
        },
        "stages": [{"title": "Documents", "seconds": 12.0, "peak_memory_mib": 400.0}],
        "licences": ["factbook: public domain"],
    }
