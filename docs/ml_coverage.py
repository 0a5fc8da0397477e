"""Writes docs/ml/coverage.md: what of pyspark.ml is in fireside.ml, found by looking at both packages.

    python docs/ml_coverage.py           writes the page
    python docs/ml_coverage.py --check   ends with exit code 1 where the page is not up to date

No Spark is started: pyspark's classes are made with their Java side left out, for their params and defaults.
"""

import functools
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
# The contract suite is no part of the package.
# ruff: noqa: E402
sys.path.insert(0, str(REPOSITORY))

from fireside.core.errors import InputError
from fireside.ml.base import Model, PipelineStage, Transformer
from fireside.ml.feature import RFormulaModel
from fireside.ml.onnx import EXPORTERS
from fireside.ml.onnx.inexpressible import REASONS
from fireside.ml.pipeline import PipelineModel
from fireside.ml.sklearn.wrap import view_class
from fireside.ml.tuning import CrossValidatorModel, TrainValidationSplitModel
from tests.contracts import frame_kinds
from tests.contracts.estimator_cases import CASES

HOLDERS = (PipelineModel, RFormulaModel, CrossValidatorModel, TrainValidationSplitModel)
"""Transformers that are exported as the stages in them."""
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
    "param.shared",
    "util",
)
LEARNERS = "part two: learners"
ABSENT = {
    "classification": LEARNERS,
    "regression": LEARNERS,
    "clustering": LEARNERS,
    "recommendation": LEARNERS,
    "fpm": LEARNERS,
    "util": "they speak with Java or Spark Connect, choose other formats, or serve pyspark's own classes",
}
"""Why a class of a module is not here."""

SPARK_ONLY = {
    "image": "reads image files through a data source of Spark's",
    "torch, deepspeed, TorchDistributor": "start torch on Spark; fireside.lm trains with torchrun",
    "connect": "fireside.ml is one package for classic Spark and Spark Connect",
    "Predictor, PredictionModel": "Estimator and Model with HasFeaturesCol, HasLabelCol and HasPredictionCol",
    "common, wrapper": "how pyspark speaks with Java",
}
"""What of pyspark.ml stays out, and why."""

NO_ROW_FUNCTION = {"SQLTransformer": "SQL selects from a batch, here of one row"}
"""Why a transformer works on rows as batches of one."""

TESTS = {
    "functions": "tests/ml/test_functions",
    "pipeline": "tests/ml/test_pipeline",
    "param.shared": "tests/ml/test_user_stages",
    "util": "tests/ml/test_user_stages",
}
"""The tests of a module that are not in the folder of its name."""

# What pyspark's classes have because they are wrappers.
WRAPPING = {"write", "read", "save", "load", "session", "option", "overwrite", "context", "clear"}


@dataclass(frozen=True)
class Line:
    """One class of the table."""

    name: str
    params: str
    gaps: tuple[str, ...]
    saved: str
    frames: str
    row: str
    onnx: str
    sklearn: str


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
        gaps = tuple(f"argument {one}" for one in sorted(missing))
        return Line(f"{name}()", "", gaps, "", tests, "", "", "")
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
        tests if ours not in instances else frames_of(ours),
        row_of(ours),
        onnx_of(ours),
        sklearn_of(ours),
    )


def saved_of(ours: type, theirs: type) -> str:
    """Whether it is read and written in Spark's format."""
    from fireside.ml.persistence.saving import Saveable

    in_spark = hasattr(theirs, "write") and hasattr(theirs, "read")
    here = issubclass(ours, Saveable)
    return "yes" if in_spark and here else "**no**" if in_spark else ""


def frames_of(ours: type) -> str:
    """The kinds of frame on which the contract suite runs the cases of a class."""
    every, frames = kinds_of_frame(), [case.frame for name, case in CASES.items() if ours in classes_of(name)]
    if not frames:
        # A summary of a model.
        return "all"
    found = [kind for kind in every if any(frame_kinds.cannot_hold(kind, frame) is None for frame in frames)]
    missing = [kind for kind in every if kind not in found]
    return f"all but {', '.join(missing)}" if missing else "all"


@functools.cache
def classes_of(name: str) -> set[type]:
    """The class of a case's stage, and of what it fits."""
    case = CASES[name]
    return {type(case.stage()), type(case.fitted(case.frame))}


def kinds_of_frame() -> list[str]:
    """The kinds of frame of the contract suite."""
    kinds = [*frame_kinds.IN_MEMORY, *frame_kinds.STREAMED, *frame_kinds.SPARK]
    return [kind if isinstance(kind, str) else str(kind.values[0]) for kind in kinds]


def row_of(ours: type) -> str:
    """Whether a transformer has a function of one row."""
    if not is_concrete_transformer(ours):
        return ""
    if ours._row_function is not Transformer._row_function:
        return "yes"
    return f"no: {NO_ROW_FUNCTION.get(ours.__name__, '**no reason given**')}"


def onnx_of(ours: type) -> str:
    """Whether a transformer can be exported."""
    if not is_concrete_transformer(ours):
        return ""
    if ours in EXPORTERS or ours in HOLDERS:
        return "yes"
    return f"no: {REASONS.get(ours.__name__, '**no reason given**')}"


def sklearn_of(ours: type) -> str:
    """Whether scikit-learn has a view of an estimator, or a transformer that needs no fit."""
    if not issubclass(ours, PipelineStage):
        return ""
    try:
        view_class(ours)
    except InputError:
        return ""
    return "yes"


def is_concrete_transformer(ours: type) -> bool:
    return issubclass(ours, Transformer) and not inspect.isabstract(ours) and ours is not Model


def contract_instances() -> dict[type, Any]:
    """An instance of every class that the contract suite runs: estimators, and the models they fit."""
    from fireside.ml.clustering import KMeansModel, KMeansSummary

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
        f"- **frames**: the kinds on which the contract suite (`tests/contracts`) runs the class; all are "
        f"{', '.join(kinds_of_frame())}. A kind is missing where it cannot hold the rows of a class: "
        "CSV has no vectors, and only Arrow, Parquet and Spark keep the metadata of columns. "
        "`tests/ml/test_against_spark.py` compares the class with pyspark. Of other classes: their tests.",
        "- **row**: of a transformer, whether a predictor has a function of one row for it, without Arrow.",
        "- **ONNX**: of a transformer, whether it can be exported.",
        "- **scikit-learn**: whether `wrap` gives it a view: where a stage reads one column of vectors, or "
        "features and a label.",
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
    tests = TESTS.get(module, f"tests/ml/{module}")
    names = [
        name for name in public_names(theirs) if module != "pipeline" or name in ("Pipeline", "PipelineModel")
    ]
    rows, absent = [], []
    for name in names:
        if not hasattr(ours, name):
            absent.append(name)
            continue
        line = line_of(getattr(ours, name), getattr(theirs, name), instances, tests)
        cells = (
            line.name,
            line.params,
            line.saved,
            line.frames,
            line.row,
            line.onnx,
            line.sklearn,
            "; ".join(line.gaps),
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    found = [f"## {module}", ""]
    found += [f"{len(rows)} of {len(names)}.", ""]
    if rows:
        found += [
            "| class | params | saved | frames | row | ONNX | scikit-learn | gaps |",
            "|---|---|---|---|---|---|---|---|",
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
