"""Which class of Spark ML a class of Fireside stands for, by its name alone.

`fireside.ml.feature.idf.IDFModel` is `org.apache.spark.ml.feature.IDFModel`: the module of the file is left
out, since there is one file for each algorithm.
"""

import importlib
import sys

from fireside.core.errors import CheckpointError, InputError

__all__ = ["default_seed", "fireside_class", "name_to_save", "spark_class_name"]

_OURS, _THEIRS = "fireside.ml", "org.apache.spark.ml"
_HOMES = {
    _OURS,
    *(
        f"{_OURS}.{package}"
        for package in ("classification", "clustering", "evaluation", "feature", "tuning")
    ),
}
"""Where stages are; a file's word makes nothing else be imported."""


def spark_class_name(cls: type) -> str:
    """The name that Spark's saved models use for a class; a class of a user keeps its own.

    >>> from fireside.ml.pipeline import PipelineModel
    >>> spark_class_name(PipelineModel)
    'org.apache.spark.ml.PipelineModel'
    """
    if not cls.__module__.startswith(f"{_OURS}."):
        return f"{cls.__module__}.{cls.__qualname__}"
    package = cls.__module__.removeprefix(_OURS).split(".")[1:-1]
    return ".".join([_THEIRS, *package, cls.__qualname__])


def name_to_save(cls: type) -> str:
    """The name under which a class is found again when it is loaded.

    Raises:
        CheckpointError: a class of a user that no module has under its name.
    """
    name = spark_class_name(cls)
    if not cls.__module__.startswith(f"{_OURS}.") and not isinstance(_top_level(name), type):
        raise CheckpointError(
            f"a {name} cannot be saved, since it could not be found again: define the class at the top level "
            "of a module, under its own name"
        )
    return name


def _top_level(name: str) -> object:
    """What an imported module has under a name; nothing is imported, not even by the module itself."""
    module, _, attribute = name.rpartition(".")
    return vars(sys.modules[module]).get(attribute) if module in sys.modules else None


def fireside_class(name: str) -> type:
    """The class that reads what Spark or Fireside saved under a name.

    Nothing outside this package is imported on the word of a file: a user's own class must have been imported
    before.

    Raises:
        InputError: there is no such class.

    >>> fireside_class("org.apache.spark.ml.PipelineModel").__name__
    'PipelineModel'
    """
    module, _, qualname = name.rpartition(".")
    if module == _THEIRS or module.startswith(f"{_THEIRS}."):
        home = _OURS + module.removeprefix(_THEIRS)
        if home not in _HOMES:
            raise InputError(f"{name} has no counterpart here: {home} has no stages")
        package = importlib.import_module(home)
        cls = getattr(package, qualname) if qualname in package.__all__ else None
        if not isinstance(cls, type):
            raise InputError(f"{name} has no counterpart here: {home} has no {qualname}")
        return cls
    # pyspark writes pipelines that hold a Python stage under its own module's name.
    if module.startswith("pyspark.ml."):
        package_name = ".".join([_THEIRS, *module.split(".")[2:]]).removesuffix(".pipeline")
        return fireside_class(f"{package_name}.{qualname}")
    cls = _top_level(name)
    if not isinstance(cls, type):
        raise InputError(f"{name} is unknown: import its module first, which loading never does by itself")
    return cls


def default_seed(cls: type) -> int:
    """The seed of a class that was given none: the hash that Java has for the name of Spark's class.

    >>> default_seed(int) == default_seed(float)
    False
    """
    code = 0
    for letter in spark_class_name(cls):
        code = (31 * code + ord(letter)) % 2**32
    return code - 2**32 if code >= 2**31 else code
