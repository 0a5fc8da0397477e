"""Whether a sample comes from a normal distribution."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, TableDataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import read_numbers
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.param import Params
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.stat.feature_test import reader_named

__all__ = ["KolmogorovSmirnovTest", "largest_gap"]


class KolmogorovSmirnovTest:
    """The one-sample, two-sided test of Kolmogorov and Smirnov."""

    @staticmethod
    def test(dataset: Any, sampleCol: str, distName: str, *params: float) -> Any:
        """Compare a column of numbers with a normal distribution; the column is held in memory.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            sampleCol: name of the column.
            distName: `"norm"`.
            params: mean and standard deviation; without them 0 and 1.

        Returns:
            The kind of frame that came in, with one row: pValue and statistic.

        >>> found = KolmogorovSmirnovTest.test({"x": [1.0, 2.0, 3.0]}, "x", "norm", 0.0, 1.0)
        >>> round(found["statistic"][0], 4), round(found["pValue"][0], 4)
        (0.8413, 0.008)
        """
        from scipy.stats import kstwo

        if distName != "norm":
            raise InputError(f"distName must be 'norm', got {distName!r}: other distributions are not known")
        if len(params) not in (0, 2) or (params and not params[1] > 0):
            raise InputError(
                f"a normal distribution has a mean and a standard deviation above 0, got {list(params)}"
            )
        stage = reader_named("KolmogorovSmirnovTest")
        rows = open_frame(dataset)
        input_field(stage, rows.schema, sampleCol, wanted="a number", fits=is_numeric)
        mean, deviation = map(float, params or (0.0, 1.0))
        found = gang(rows.select([sampleCol]), _test_normal, stage, sampleCol, mean, deviation)
        p_value = float(np.clip(kstwo.sf(found["statistic"], found["count"]), 0.0, 1.0))
        table = pa.table({"pValue": [p_value], "statistic": [found["statistic"]]})
        return return_frame(TableDataset(table), dataset)


def _test_normal(
    collective: Collective, rows: Dataset, stage: Params, column: str, mean: float, deviation: float
) -> Mapping[str, Any]:
    from scipy.special import ndtr

    mine = [np.zeros(0), *(read_numbers(stage, batch, column) for batch in rows.batches())]
    values = np.sort(np.concatenate(collective.allgather(np.concatenate(mine))))
    if not len(values):
        raise InputError(f"{stage.uid}: there are no rows to test")
    return {"statistic": largest_gap(ndtr((values - mean) / deviation)), "count": len(values)}


def largest_gap(cumulative: npt.NDArray[np.float64]) -> float:
    """The largest distance between a distribution function and the one of a sample.

    Args:
        cumulative: float64[N], the first at the sorted values of the sample.

    >>> largest_gap(np.array([0.5]))
    0.5
    """
    n = len(cumulative)
    steps = np.arange(n)
    return float(np.maximum(cumulative - steps / n, (steps + 1) / n - cumulative).max())
