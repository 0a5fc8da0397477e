"""Writes docs/ml/coverage.md: what of pyspark.ml is in fireside.ml, found by looking at both packages.

    python docs/ml_coverage.py           writes the page
    python docs/ml_coverage.py --check   ends with exit code 1 where the page is not up to date

No Spark is started: pyspark's classes are made with their Java side left out, for their params and defaults.
"""

import importlib
import inspect
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "ml" / "coverage.md"

MODULES = (
    "pipeline",
    "feature",
    "classification",
    "regression",
    "clustering",
    "recommendation",
    "fpm",
    "evaluation",
    "tuning",
    "stat",
    "functions",
    "linalg",
    "param",
)
LEARNERS = "part two: learners"
ABSENT = {
    "classification": LEARNERS,
    "regression": LEARNERS,
    "clustering": LEARNERS,
    "recommendation": LEARNERS,
    "fpm": LEARNERS,
}
"""Why a class of a module is not here."""

SPARK_ONLY = {
    "image": "reads image files through a data source of Spark's",
    "torch, deepspeed, TorchDistributor": "start torch on Spark; fireside.lm trains with torchrun",
    "connect": "fireside.ml is one package for classic Spark and Spark Connect",
    "Predictor, PredictionModel": "bases of learners in Java; here they derive from Estimator and Model",
    "util, common, wrapper": "how pyspark speaks with Java",
}
"""What of pyspark.ml stays out, and why."""

# What pyspark's classes have because they are wrappers.
WRAPPING = {"write", "read", "save", "load", "session", "option", "overwrite", "context", "clear"}


@dataclass(frozen=True)
class Line:
    """One class of the table."""

    name: str
    params: str
    gaps: tuple[str, ...]
    saved: str
    back_ends: str
    views: str


def public_names(module: Any) -> list[str]:
    """What a module of pyspark offers."""
    if names := getattr(module, "__all__", None):
        return list(names)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
        and (inspect.isclass(value) or inspect.isfunction(value))
    )


@contextmanager
def without_java() -> Iterator[None]:
    """pyspark's classes can be made, without the objects in Java that they stand for."""
    from pyspark.ml import feature, wrapper

    from fireside.ml.feature import StopWordsRemover

    with (
        mock.patch.object(wrapper.JavaWrapper, "_new_java_obj", staticmethod(lambda *arguments: None)),
        mock.patch.object(wrapper.JavaWrapper, "__del__", mock.Mock(return_value=None)),
        mock.patch.object(
            feature.StopWordsRemover, "loadDefaultStopWords", StopWordsRemover.loadDefaultStopWords
        ),
        mock.patch.object(feature.StopWordsRemover, "_set", lambda self, **params: self),
    ):
        yield


def spark_params(cls: type) -> dict[str, Any]:
    """Param -> its default, or `None` where it has none or the class cannot be made alone."""
    from pyspark.ml.param import Param

    names = [name for name in dir(cls) if isinstance(inspect.getattr_static(cls, name), Param)]
    try:
        made = cls()
        found = {param.name: value for param, value in made._defaultParamMap.items()}
    except Exception:
        # A model: its defaults are those of its estimator.
        found = {}
    return {name: found.get(name) for name in names}


def our_params(cls: type, instances: Mapping[type, Any]) -> dict[str, Any]:
    """Param -> its default, or `None`."""
    from fireside.ml.param import Params

    if not issubclass(cls, Params):
        return {}
    if cls in instances:
        defaults = instances[cls]._defaultParamMap
    else:
        # A model that no case fits is made with what it has learnt, so it has no defaults alone.
        alone = cls.__init__ is Params.__init__ and not inspect.isabstract(cls)
        defaults = cls()._defaultParamMap if alone else {}
    return {name: defaults.get(name) for name in cls._declared}


def same(param: str, ours: Any, theirs: Any) -> bool:
    """Whether two defaults are equal; one made of the stage's own uid is another each time."""
    if param == "seed":
        # pyspark takes Python's hash of the class name, another in each process; ours is Java's.
        return isinstance(ours, int)
    if isinstance(ours, str) and isinstance(theirs, str) and "__" in ours and "__" in theirs:
        return ours.rpartition("__")[2] == theirs.rpartition("__")[2]
    if isinstance(ours, float) and isinstance(theirs, float) and math.isnan(ours):
        return math.isnan(theirs)
    return bool(ours == theirs)


def public_names_of(thing: Any) -> set[str]:
    """Methods, properties and attributes of a class or an instance."""
    return {name for name in dir(thing) if not name.startswith("_")}


def line_of(ours: Any, theirs: Any, instances: Mapping[type, Any], tests: str) -> Line:
    """Compare one class, or one function."""
    name = theirs.__name__
    if not inspect.isclass(theirs):
        missing = set(inspect.signature(theirs).parameters) - set(inspect.signature(ours).parameters)
        return Line(f"{name}()", "", tuple(f"argument {one}" for one in sorted(missing)), "", tests, "")
    wanted, found = spark_params(theirs), our_params(ours, instances)
    gaps = [f"param {param}" for param in wanted if param not in found]
    gaps += [
        f"default of {param}: {found[param]!r}, in Spark {default!r}"
        for param, default in wanted.items()
        if param in found and default is not None and not same(param, found[param], default)
    ]
    missing_names = (
        public_names_of(theirs) - public_names_of(instances.get(ours, ours)) - WRAPPING - set(wanted)
    )
    gaps += [f"`{missing}`" for missing in sorted(missing_names)]
    more = sorted(set(found) - set(wanted))
    params = ", ".join([*wanted, *(f"+{param}" for param in more)])
    return Line(
        name,
        params,
        tuple(gaps),
        saved_of(ours, theirs),
        back_ends_of(ours, instances, tests),
        views_of(ours),
    )


def saved_of(ours: type, theirs: type) -> str:
    """Whether it is read and written in Spark's format."""
    from fireside.ml.persistence.saving import Saveable

    in_spark = hasattr(theirs, "write") and hasattr(theirs, "read")
    here = issubclass(ours, Saveable)
    return "yes" if in_spark and here else "**no**" if in_spark else ""


def back_ends_of(ours: type, instances: Mapping[type, Any], tests: str) -> str:
    """Where it is proven to run: the contract suite runs every back end."""
    return "contract suite" if ours in instances else tests


def views_of(ours: type) -> str:
    """Functions of one row, scikit-learn's view, ONNX."""
    from fireside.core.errors import InputError
    from fireside.ml.base import PipelineStage, Transformer
    from fireside.ml.onnx import EXPORTERS
    from fireside.ml.sklearn.wrap import view_class

    words = []
    if issubclass(ours, Transformer) and ours._row_function is not Transformer._row_function:
        words.append("row")
    if issubclass(ours, PipelineStage):
        try:
            view_class(ours)
            words.append("scikit-learn")
        except InputError:
            pass
    if ours in EXPORTERS:
        words.append("ONNX")
    return ", ".join(words)


def contract_instances() -> dict[type, Any]:
    """An instance of every class that the contract suite runs: estimators, and the models they fit."""
    sys.path.insert(0, str(REPOSITORY))
    from fireside.ml.clustering import KMeansModel, KMeansSummary
    from tests.contracts.estimator_cases import CASES

    found: dict[type, Any] = {}
    for case in CASES.values():
        for made in (case.stage(), case.fitted(case.frame)):
            found.setdefault(type(made), made)
            if isinstance(made, KMeansModel):
                found.setdefault(KMeansSummary, made.summary)
    return found


def page() -> str:
    """The whole page."""
    instances = contract_instances()
    lines = [
        "# Coverage of pyspark.ml 4.3",
        "",
        "Written by `docs/ml_coverage.py`, which looks at both packages; a test holds this page up to date.",
        "",
        "- **params**: every param of Spark's class; `+` marks one that only this package has. Defaults "
        "are equal unless the last column says otherwise. The default of `seed` is that of Spark's Java; "
        "pyspark's own differs from process to process.",
        "- **saved**: read and written in Spark ML's own format.",
        "- **proven by**: the contract suite (`tests/contracts`) runs a class on pandas, Arrow, streamed "
        "Parquet and a Spark cluster, and `tests/ml/test_against_spark.py` compares it with pyspark; "
        "otherwise the tests that do. `tests/contracts/test_dataset.py` covers data sets of Spark Connect.",
        "- **also**: `row`, a function of one row without Arrow (others take a batch of one row); "
        "`scikit-learn`, `wrap` gives it a view; `ONNX`, it can be exported.",
        "- **gaps**: what Spark's class has and ours has not.",
        "",
    ]
    with without_java():
        for module in MODULES:
            lines += section(module, instances)
    lines += ["## Not in this package", "", "| pyspark.ml | why |", "|---|---|"]
    lines += [f"| {name} | {why} |" for name, why in SPARK_ONLY.items()]
    return "\n".join(lines) + "\n"


def section(module: str, instances: Mapping[type, Any]) -> list[str]:
    """The table of one module."""
    theirs = importlib.import_module(f"pyspark.ml.{module}")
    try:
        ours: Any = importlib.import_module(f"fireside.ml.{module}")
    except ModuleNotFoundError:
        ours = None
    tests = f"tests/ml/{'test_' if module in ('functions', 'pipeline') else ''}{module}"
    names = [
        name for name in public_names(theirs) if module != "pipeline" or name in ("Pipeline", "PipelineModel")
    ]
    rows, absent = [], []
    for name in names:
        if not hasattr(ours, name):
            absent.append(name)
            continue
        line = line_of(getattr(ours, name), getattr(theirs, name), instances, tests)
        cells = (line.name, line.params, line.saved, line.back_ends, line.views, "; ".join(line.gaps))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    found = [f"## {module}", ""]
    found += [f"{len(rows)} of {len(names)}.", ""]
    if rows:
        found += [
            "| class | params | saved | proven by | also | gaps |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    if absent:
        found += [f"Absent ({ABSENT.get(module, '**no reason given**')}): {', '.join(absent)}.", ""]
    return found


def main() -> None:
    """Write the page, or check it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit(f"{PAGE} is not up to date: run python docs/ml_coverage.py")
        return
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
