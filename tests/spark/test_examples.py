"""pyspark's own examples of `pyspark.ml`, with `fireside.ml` in the imports, print what they print in Spark.

Which examples can run is found by looking at what they import: one that needs a class which is not here yet
is skipped by name, with that class as the reason, and runs as soon as the class is there.
"""

import ast
import contextlib
import importlib
import importlib.util
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.slow]

# The learners that are still to come are in these modules, so only their names may be missing.
MODULES_OF_LEARNERS = {".classification", ".clustering", ".fpm", ".recommendation", ".regression"}
# It shows data frames and the older `pyspark.mllib`.
WITHOUT_SPARK_ML = ["dataframe_example"]

# pyspark's default seeds are hashes that Python salts, so without a seed it prints other things every time.
SEEDS = {
    "bucketed_random_projection_lsh_example": ("numHashTables=3", "numHashTables=3, seed=7"),
    "min_hash_lsh_example": ("numHashTables=5", "numHashTables=5, seed=7"),
    "word2vec_example": ("minCount=0", "minCount=0, seed=7"),
}
# What comes in any order, and what separates it: rows after a join or a shuffle, and keys of a Java map.
UNORDERED = {
    "bucketed_random_projection_lsh_example": (re.compile(r"(?s).+"), "\n"),
    "min_hash_lsh_example": (re.compile(r"(?s).+"), "\n"),
    "quantile_discretizer_example": (re.compile(r"(?s).+"), "\n"),
    "vector_indexer_example": (re.compile(r"(?<=features: ).+"), ", "),
}
# What is not compared.
FREE = {
    # Three points span two dimensions: the third component is any direction in which they do not differ.
    "pca_example": re.compile(r",[^,]+(?=\] *\|)"),
    # Sentences are shuffled by content and seed, and Spark's by partitions (docs/decisions.md).
    "word2vec_example": re.compile(r"(?<=Vector: )\[.*\]"),
}

# Sums are added in another order than Spark adds them.
DIGITS = 1e-9
NUMBER = re.compile(r"-?\d+\.\d+(?:[eE][-+]?\d+)?")
UID = re.compile(r"(?<=[A-Za-z]_)[0-9a-f]{12,}")


def spark_folder() -> Path | None:
    """The folder of pyspark, which holds examples and data; `None` where it is not installed."""
    found = importlib.util.find_spec("pyspark")
    return Path(found.origin).parent if found and found.origin else None


@cache
def sources() -> dict[str, str]:
    folder = spark_folder()
    if folder is None:
        return {}
    return {path.stem: path.read_text() for path in sorted(folder.glob("examples/src/main/python/ml/*.py"))}


def imported(source: str) -> Iterator[tuple[str, str]]:
    """What a module imports from `pyspark.ml`: pairs of submodule, such as `.feature`, and name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and re.match(r"pyspark\.ml(\.|$)", node.module or ""):
            for alias in node.names:
                yield (node.module or "").removeprefix("pyspark.ml"), alias.name


def missing(source: str) -> list[tuple[str, str]]:
    """What of that is not in `fireside.ml`."""
    return [
        (module, name)
        for module, name in imported(source)
        if importlib.util.find_spec(f"fireside.ml{module}") is None
        or not hasattr(importlib.import_module(f"fireside.ml{module}"), name)
    ]


def examples() -> list[Any]:
    params = []
    for name, source in sources().items():
        absent = ", ".join(f"fireside.ml{module}.{kind}" for module, kind in missing(source))
        marks = [pytest.mark.skip(reason=f"needs {absent}")] if absent else []
        if name not in WITHOUT_SPARK_ML:
            params.append(pytest.param(name, marks=marks))
    return params


def test_examples_are_left_out_for_nothing_but_a_learner_that_is_still_to_come(spark):
    assert len(sources()) > 60
    assert [name for name, source in sources().items() if not list(imported(source))] == WITHOUT_SPARK_ML
    modules = {module for source in sources().values() for module, _ in missing(source)}
    assert modules <= MODULES_OF_LEARNERS


def printed(source: str) -> str:
    """What an example prints, in the session that is running, which it does not stop."""
    source = source.replace("spark.stop()", "pass").replace('"data/mllib/', f'"{spark_folder()}/data/mllib/')
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(source, "example", "exec"), {"__name__": "__main__"})
    return UID.sub("uid", output.getvalue())


@pytest.mark.parametrize("name", examples())
def test_an_example_prints_what_it_prints_in_spark(spark, name):
    source = sources()[name].replace(*SEEDS.get(name, ("", "")))
    assert name not in SEEDS or SEEDS[name][1] in source
    sides = [printed(source), printed(re.sub(r"\bpyspark\.ml\b", "fireside.ml", source))]
    if name in FREE:
        sides = [FREE[name].sub("", side) for side in sides]
    if name in UNORDERED:
        sides = [in_order(side, *UNORDERED[name]) for side in sides]
    expected, found = sides
    assert expected
    assert without_numbers(found) == without_numbers(expected)
    assert numbers(found) == pytest.approx(numbers(expected), rel=DIGITS)


def in_order(text: str, part: re.Pattern[str], separator: str) -> str:
    return part.sub(lambda found: separator.join(sorted(found[0].split(separator))), text)


def numbers(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def without_numbers(text: str) -> str:
    """The text around the numbers; a table is as wide as its longest number, so what fills it is left out."""
    return re.sub(r" |-{2,}", "", NUMBER.sub("0.0", text))
