"""The report of a sweep: what was measured, what it means, one page, one JSON file; and a view while it runs.

directory -> Sweep -> Scores -> Verdict -> findings -> report.html, verdict.json, plots/
directory -> BranchProgress -> a table that changes in place
"""

from fireside.recipes.mix_report.findings import findings, headline
from fireside.recipes.mix_report.page import write_sweep_report
from fireside.recipes.mix_report.sweep import Sweep, read_sweep
from fireside.recipes.mix_report.terminal import verdict_tables
from fireside.recipes.mix_report.verdict import Verdict
from fireside.recipes.mix_report.watch import watch_sweep
from fireside.recipes.mix_report.weighing import verdict_of

__all__ = [
    "Sweep",
    "Verdict",
    "findings",
    "headline",
    "read_sweep",
    "verdict_of",
    "verdict_tables",
    "watch_sweep",
    "write_sweep_report",
]
