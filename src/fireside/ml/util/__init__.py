"""What stages of a user's own are made with: saving, loading, and keywords, as `pyspark.ml.util` has them.

Every stage can be saved and loaded without any of these; they are here for classes that were written for
pyspark, and for components that are no stages.
"""

from fireside.ml.param.identifiable import Identifiable
from fireside.ml.persistence.saving import BaseReadWrite, MLReader, MLWriter
from fireside.ml.util.default_params import (
    DefaultParamsReadable,
    DefaultParamsReader,
    DefaultParamsWritable,
    DefaultParamsWriter,
)
from fireside.ml.util.keyword_only import keyword_only
from fireside.ml.util.mixins import MLReadable, MLWritable

__all__ = [
    "BaseReadWrite",
    "DefaultParamsReadable",
    "DefaultParamsReader",
    "DefaultParamsWritable",
    "DefaultParamsWriter",
    "Identifiable",
    "MLReadable",
    "MLReader",
    "MLWritable",
    "MLWriter",
    "keyword_only",
]
