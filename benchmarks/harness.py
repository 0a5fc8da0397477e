"""What every benchmark shares: one JSON object, printed, saved, and held against its bars.

    make bench NAME=x            runs benchmarks/x.py  -> benchmarks/results/x.json
    make bench NAME=x QUICK=1    a version of under a minute -> benchmarks/results/x.quick.json

A benchmark measures things side by side in one run and states ratios, because machines are shared. It ends
with exit code 1 if a bar does not hold.
"""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from rich.console import Console
from rich.table import Table

from fireside.core.atomic import write_bytes

RESULTS = Path(__file__).parent / "results"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda measured, bound: measured >= bound,
    "<=": lambda measured, bound: measured <= bound,
    ">": lambda measured, bound: measured > bound,
    "<": lambda measured, bound: measured < bound,
}
Row = dict[str, Any]
Bar = dict[str, Any]
Measure = Callable[[bool], tuple[list[Row], list[Bar]]]


def bar(text: str, wanted: str, measured: float) -> Bar:
    """One bar: what is asked, the bound as `">= 3"`, and what was measured.

    >>> bar("twice as fast", ">= 2", 2.5)["holds"]
    True
    """
    comparison, bound = wanted.split()
    return {
        "bar": text,
        "wanted": wanted,
        "measured": measured,
        "holds": COMPARISONS[comparison](measured, float(bound)),
    }


def run_benchmark(
    name: str, measure: Measure, *, packages: tuple[str, ...] = (), seeds: tuple[int, ...] = ()
) -> None:
    """Measure, save `results/<name>.json`, print the object and its bars, and exit.

    Args:
        name: the script's name.
        measure: given whether to be quick; returns the rows (one measured thing each, peers side by side)
            and the bars.
        packages: distributions whose versions matter beside ours.
        seeds: all the seeds that were used.
    """
    quick = _parser().parse_args().quick
    rows, bars = measure(quick)
    _finish(name, quick, rows, bars, packages, seeds)


def run_in_parts(
    name: str,
    parts: Mapping[str, Callable[[bool], list[Row]]],
    bars_of: Callable[[list[Row]], list[Bar]],
    *,
    packages: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (),
) -> None:
    """`run_benchmark` for what takes long: `--only PART` measures that part; saved rows of others stay.

    Args:
        name: the script's name.
        parts: by its name, what measures a part: given whether to be quick, it returns rows.
        bars_of: the bars, given the rows of all parts that have been measured.
        packages: distributions whose versions matter beside ours.
        seeds: all the seeds that were used.
    """
    parser = _parser()
    parser.add_argument("--only", action="append", choices=list(parts), help="this part; may be repeated")
    given = parser.parse_args()
    wanted = given.only or list(parts)
    rows: dict[str, list[Row]] = {part: [] for part in parts}
    if given.only and (path := _path(name, given.quick)).exists():
        for row in msgspec.json.decode(path.read_bytes())["rows"]:
            if row["part"] in rows:
                rows[row["part"]].append(row)
    for part in wanted:
        date = _now()
        rows[part] = [{"part": part, "date": date, **row} for row in parts[part](given.quick)]
    every = [row for part in parts for row in rows[part]]
    _finish(name, given.quick, every, bars_of(every), packages, seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller version, under a minute")
    return parser


def _path(name: str, quick: bool) -> Path:
    return RESULTS / f"{name}{'.quick' if quick else ''}.json"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _finish(
    name: str,
    quick: bool,
    rows: list[Row],
    bars: list[Bar],
    packages: tuple[str, ...],
    seeds: tuple[int, ...],
) -> NoReturn:
    """Save and print the object and its bars, and exit."""
    result = {
        "name": name,
        "quick": quick,
        "date": _now(),
        "machine": machine(),
        "versions": versions(("fireside", "numpy", "pyarrow", *packages)),
        "seeds": list(seeds),
        "rows": rows,
        "bars": bars,
    }
    text = msgspec.json.format(msgspec.json.encode(result, enc_hook=float), indent=1)
    write_bytes(_path(name, quick), text + b"\n")
    print(text.decode())
    _print_bars(name, bars)
    raise SystemExit(0 if all(one["holds"] for one in bars) else 1)


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory in GiB, and the operating system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Installed versions by distribution; what is not installed is said to be absent."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _print_bars(name: str, bars: list[Bar]) -> None:
    table = Table(title=f"{name}: bars")
    for column in ("bar", "wanted", "measured", "holds"):
        table.add_column(column)
    for one in bars:
        holds = "[green]yes[/]" if one["holds"] else "[red]no[/]"
        table.add_row(one["bar"], one["wanted"], f"{one['measured']:.4g}", holds)
    Console(stderr=True).print(table)
