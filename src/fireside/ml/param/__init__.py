"""Params: named, documented, typed settings of stages, as `pyspark.ml.param` has them.

A stage declares a param once; the keyword of its constructor, the attribute, the default, the check and the
saved form follow from that one line.
"""

from fireside.ml.param.accessors import Getter, Setter, accessors
from fireside.ml.param.param import Param, ParamTypeError, param
from fireside.ml.param.params import ParamMap, Params
from fireside.ml.param.type_converters import TypeConverters

__all__ = [
    "Getter",
    "Param",
    "ParamMap",
    "ParamTypeError",
    "Params",
    "Setter",
    "TypeConverters",
    "accessors",
    "param",
]
