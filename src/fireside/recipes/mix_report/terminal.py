"""The verdict in a few lines, for the terminal."""

from rich.table import Table
from rich.text import Text

from fireside.mixing.estimate import Estimate
from fireside.recipes.mix_report.findings import percent, signed
from fireside.recipes.mix_report.verdict import Verdict

__all__ = ["verdict_tables"]


def verdict_tables(verdict: Verdict) -> list[Table]:
    """One table of durations, and one of data sets where some were left out."""
    durations = _table("upsampled for the last", "target gain", "general gain")
    for row in verdict.gains:
        if row.kind == "upsampled" and row.duration is not None:
            mark = " ←" if row.duration == verdict.duration.best else ""
            durations.add_row(f"{percent(row.duration)}{mark}", _said(row.target), _said(row.general))
    if not verdict.utilities:
        return [durations]
    data_sets = _table("data set", "target utility", "general utility", "verdict")
    for one in verdict.utilities:
        # Names of data sets are text, whatever brackets they have.
        data_sets.add_row(Text(one.data_set), _said(one.target), _said(one.general), one.worth)
    return [durations, data_sets]


def _table(first: str, *others: str) -> Table:
    table = Table(caption="nats per token, 95 % intervals over replicates", caption_justify="left")
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _said(one: Estimate | None) -> str:
    if one is None:
        return "not ended"
    if one.low is None or one.high is None:
        return f"{signed(one.mean)} (one replicate)"
    return f"{signed(one.mean)} ({signed(one.low)} … {signed(one.high)})"
