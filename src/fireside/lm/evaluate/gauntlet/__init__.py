"""Benchmarks from a folder's files, and their averages by category above chance, as in the Mosaic Gauntlet.

A sub-folder is a category, a `.jsonl` file in it a benchmark: `commonsense/arc_easy.jsonl`. A name ending
in `-5shot` gives every item five solved ones first. Scores are (accuracy - chance) / (1 - chance), averaged
over the benchmarks of a category and then over categories.
"""

from fireside.lm.evaluate.gauntlet.averages import GauntletScore, category_scores, normalized
from fireside.lm.evaluate.gauntlet.files import Benchmark, read_gauntlet
from fireside.lm.evaluate.gauntlet.scoring import BenchmarkScore, score_benchmark

__all__ = [
    "Benchmark",
    "BenchmarkScore",
    "GauntletScore",
    "category_scores",
    "normalized",
    "read_gauntlet",
    "score_benchmark",
]
