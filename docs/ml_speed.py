"""Writes docs/ml/speed.md from the results of the benchmarks that are in the repository.

    python docs/ml_speed.py           writes the page
    python docs/ml_speed.py --check   ends with exit code 1 where the page is not up to date

Nothing is measured here, and no number is written by hand.
"""

import json
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
PAGE = REPOSITORY / "docs" / "ml" / "speed.md"

HEAD = """\
# Speed of fireside.ml, measured

Made by `docs/ml_speed.py` from `benchmarks/results/*.json`; each script says how it measures. All sides run
on one machine, in turns, so that ratios tell more than seconds do. A ratio is the other's time divided by
ours: above 1 we are faster; what is below a bound is bold.
"""
FEATURES = """\
## Fit and transform of tables in memory

`benchmarks/ml_features.py`: every transformer of `pyspark.ml.feature`, and two pipelines of six stages. Rows
lie in memory on each side: a `pyarrow.Table` here, a cached frame in Spark (`local[2]`, warm), arrays or
lists in scikit-learn where it has the same transformer. Spark writes to its sink that keeps nothing; we make
the whole table. Of up to five rounds the best counts. Where Spark has nothing to do (under 50 ms) there is no
ratio.
"""
SERVING = """\
## One row, and loading

`benchmarks/ml_serving.py`: pipelines of six stages that Spark fitted and saved, loaded here and by Spark, on
one row at a time; the predictions agree. The first load is that of a new process that has imported the
package; all numbers are medians.
"""
STREAMING = """\
## Files larger than memory

`benchmarks/ml_streaming.py`: ten stages, five of them fitted, over Parquet files, in a process that may have
no more memory than the limit. A quarter of the files, then all of them. The peak is that of the resident
memory, with programs and with what the allocators hold free; in use is what malloc and Arrow have given out.
"""
SERVING_COLUMNS = {
    "predictor, us": "predictor_us",
    "`transform`, us": "transform_us",
    "Spark, us": "spark_us",
    "load, ms": "load_ms",
    "first load, ms": "first_load_ms",
    "Spark's load, ms": "spark_load_ms",
}


def result(name: str) -> dict[str, Any]:
    """A committed result."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, text, table in (
        ("ml_features", FEATURES, feature_lines),
        ("ml_serving", SERVING, serving_lines),
        ("ml_streaming", STREAMING, streaming_lines),
    ):
        if (RESULTS / f"{name}.json").exists():
            found = result(name)
            parts += [text, *bar_lines(found), "", *table(found["rows"]), "", machine_line(found), ""]
    return "\n".join(parts)


def bar_lines(found: dict[str, Any]) -> list[str]:
    """What was asked for, and what was measured."""
    lines = ["| asked for | bound | measured | holds |", "|---|---|---|---|"]
    for bar in found["bars"]:
        holds = "yes" if bar["holds"] else "**no**"
        lines.append(f"| {bar['bar']} | {bar['wanted']} | {bar['measured']:.3g} | {holds} |")
    return lines


def machine_line(found: dict[str, Any]) -> str:
    """Where and with what it was measured."""
    machine, versions = found["machine"], found["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "fireside")
    return (
        f"{found['date'][:10]}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB, {machine['system']}; Python {machine['python']}, {packages}."
    )


def feature_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each fit and each transform."""
    lines = [
        "| stage | step | rows | ours, ms | Spark, ms | ratio | scikit-learn, ms | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["stage"],
            row["step"],
            f"{row['rows']:,}",
            milliseconds(row["s"]),
            milliseconds(row["spark_s"]),
            ratio(row.get("spark_ratio"), 3),
            milliseconds(row.get("sklearn_s")),
            ratio(row.get("sklearn_ratio"), 1),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def serving_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each pipeline."""
    lines = [f"| pipeline | {' | '.join(SERVING_COLUMNS)} |", "|---" * (1 + len(SERVING_COLUMNS)) + "|"]
    for row in rows:
        cells = [row["pipeline"], *(f"{row[key]:,.0f}" for key in SERVING_COLUMNS.values())]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def streaming_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each run."""
    lines = [
        "| Parquet, GB | rows | limit, MiB | peak, MiB | in use at the end, MiB | fit, s | transform, s | "
        "written, GB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{row['gb']:.2f}",
            f"{row['rows']:,}",
            f"{row['limit_mib']:,}",
            f"{row['peak_mib']:,.0f}",
            f"{row['in_use_mib']:,.0f}",
            f"{row['fit_s']:,.0f}",
            f"{row['transform_s']:,.0f}",
            f"{row['output_gb']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def milliseconds(seconds: float | None) -> str:
    """Three digits at most, or nothing."""
    return "" if seconds is None else f"{1e3 * seconds:,.1f}" if seconds < 0.1 else f"{1e3 * seconds:,.0f}"


def ratio(value: float | None, bound: float) -> str:
    """A ratio, marked where it is below a bound."""
    if value is None:
        return ""
    return f"{value:.1f}" if value >= bound else f"**{value:.2f}**"


def main() -> None:
    """Write the page, or check it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit(f"{PAGE} is not up to date: run python docs/ml_speed.py")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
