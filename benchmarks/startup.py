"""How long a user waits before anything happens: `import fireside` and `fireside --help`.

Each is timed as a fresh process, in turn with an empty Python process, which is the floor that no package can
go below; the medians are compared.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness import Bar, Row, bar, run_benchmark

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import fireside": [sys.executable, "-c", "import fireside"],
    "fireside --help": [str(Path(sys.executable).parent / "fireside"), "--help"],
}


def milliseconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1e3 * (time.perf_counter() - start)


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """Time every command in turn, several rounds over."""
    rounds = 5 if quick else 25
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, command in COMMANDS.items():
            times[name].append(milliseconds(command))
    rows: list[Row] = [
        {
            "command": name,
            "median_ms": round(statistics.median(values[1:]), 1),
            "minimum_ms": round(min(values[1:]), 1),
            "maximum_ms": round(max(values[1:]), 1),
            "rounds": rounds,
        }
        for name, values in times.items()
    ]
    median = {row["command"]: row["median_ms"] for row in rows}
    return rows, [
        bar("import fireside, ms (whole process)", "<= 150", median["import fireside"]),
        bar("fireside --help, ms (whole process)", "<= 400", median["fireside --help"]),
    ]


if __name__ == "__main__":
    run_benchmark("startup", measure, packages=("typer", "rich"))
