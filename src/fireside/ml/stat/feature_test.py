"""What a test of every feature against the label found."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Params

__all__ = ["FeatureTest", "reader_named"]


class FeatureTest(NamedTuple):
    """One number of each kind for each of D features.

    Attributes:
        p_values: float64[D].
        degrees: int64[D], degrees of freedom.
        statistics: float64[D].
    """

    p_values: npt.NDArray[np.float64]
    degrees: npt.NDArray[np.int64]
    statistics: npt.NDArray[np.float64]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "FeatureTest":
        """What a worker of a gang returned with `_asdict()`."""
        return cls(found["p_values"], found["degrees"], found["statistics"])

    def to_table(self, *, flatten: bool) -> pa.Table:
        """A row for each feature, or (`flatten=False`) one row with a vector of each number."""
        degrees = self.degrees.astype(np.int32)
        if flatten:
            return pa.table(
                {
                    "featureIndex": np.arange(len(degrees), dtype=np.int32),
                    "pValue": self.p_values,
                    "degreesOfFreedom": degrees,
                    "statistic": self.statistics,
                }
            )
        return pa.table(
            {
                "pValues": VectorBlock.from_dense(self.p_values.reshape(1, -1)).to_arrow(),
                "degreesOfFreedom": pa.array([degrees], pa.list_(pa.int32())),
                "statistics": VectorBlock.from_dense(self.statistics.reshape(1, -1)).to_arrow(),
            }
        )


def reader_named(name: str) -> Params:
    """Something without params, whose name errors mention."""
    return Params()._resetUid(name)
