"""Categories to the mean of the label among their rows."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import as_floats, column_label
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Getter, Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasLabelCol, HasOutputCol, HasOutputCols
from fireside.ml.param.validators import gt_eq, in_array
from fireside.ml.persistence import DOUBLES, INT, SavedColumns
from fireside.ml.row_function import Row, RowFunction, UnusualValue, usual_number
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.stat.grouped_sums import gather_groups, grouped_sums, merge_groups

__all__ = ["TargetEncoder", "TargetEncoderModel"]

FloatArray = npt.NDArray[np.float64]

# As Spark saves them, among the categories.
ALL_ROWS, NULL = float(2**31 - 1), -1.0


class TargetEncoderParams(HasLabelCol, HasInputCol, HasInputCols, HasOutputCol, HasOutputCols):
    """Params of `TargetEncoder` and its model."""

    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with categories that were not seen: 'error', or 'keep' them, with the mean of all rows",
        default="error",
        check=in_array(["error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)
    targetType: Param[str] = param(
        TypeConverters.toString,
        "'binary', labels 0 and 1, or 'continuous'",
        default="binary",
        check=in_array(["binary", "continuous"]),
    )
    getTargetType = Getter(targetType)
    smoothing: Param[float] = param(
        TypeConverters.toFloat,
        "how many rows with the mean of all are added to each category",
        default=0.0,
        check=gt_eq(0),
    )
    getSmoothing, setSmoothing = accessors(smoothing)

    def _pairs(self) -> list[tuple[str, str]]:
        """Each column with the one it becomes; without a name that is `<column>_indexed`, as in Spark."""
        if self.isSet("inputCols") and not self.isSet("outputCols"):
            return [(source, f"{source}_indexed") for source in self.getInputCols()]
        pairs = column_pairs(self)
        if self.isSet("inputCol") and not self.isSet("outputCol"):
            return [(source, f"{source}_indexed") for source, _ in pairs]
        return pairs

    def _input_fields(self, schema: pa.Schema) -> list[pa.Field]:
        return [
            input_field(self, schema, source, wanted="a category index, a number,", fits=is_numeric)
            for source, _ in self._pairs()
        ]


class TargetEncoder(AppendsColumns, TargetEncoderParams, Estimator["TargetEncoderModel"]):
    """Learns the mean label of each category. Null is a category; rows without a label do not count.

    >>> encoder = TargetEncoder(inputCol="c", outputCol="o", labelCol="y", smoothing=1.0)
    >>> encoder.fit({"c": [0, 0, 1], "y": [1, 1, 0]}).transform({"c": [1]})["o"]
    [0.3333333333333333]
    """

    setTargetType = Setter(TargetEncoderParams.targetType)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        self._input_fields(schema)
        input_field(self, schema, self.getLabelCol(), wanted="a number", fits=is_numeric)
        return [pa.field(target, pa.float64()) for _, target in self._pairs()]

    def _fit(self, dataset: Dataset) -> "TargetEncoderModel":
        sources = [source for source, _ in self._pairs()]
        columns = list(dict.fromkeys([*sources, self.getLabelCol()]))
        found = gang(dataset.select(columns), label_sums, self, sources)
        binary = self.getTargetType() == "binary"
        stats = []
        for place in range(len(sources)):
            categories, counts, sums = found[str(place)]
            if not counts.sum():
                raise InputError(f"{self.uid}: there are no rows with a label to fit to")
            categories = np.append(categories, ALL_ROWS)
            counts, sums = (np.append(values, values.sum()) for values in (counts, sums))
            stats.append((categories, counts, sums if binary else sums / counts))
        return TargetEncoderModel(stats)._fitted_by(self)


class TargetEncoderModel(RowTransform, TargetEncoderParams, Model):
    """Replaces categories by the mean label of their rows, drawn towards the mean of all by `smoothing`.

    Attributes:
        stats: for each column: the categories, how many rows each has, and the sum (binary) or the mean of
            their labels.
    """

    _saved: ClassVar = SavedColumns(index=INT, categories=DOUBLES, counts=DOUBLES, stats=DOUBLES)

    def __init__(self, stats: Sequence[tuple[FloatArray, FloatArray, FloatArray]]) -> None:
        super().__init__()
        self.stats = [tuple(np.asarray(part, np.float64) for part in column) for column in stats]

    def __repr__(self) -> str:
        columns = len(self._pairs()) if self.isSet("inputCol") or self.isSet("inputCols") else 0
        return (
            f"TargetEncoderModel: uid={self.uid}, handleInvalid={self.getHandleInvalid()}, "
            f"targetType={self.getTargetType()}, numInputCols={columns}, numOutputCols={columns}, "
            f"smoothing={self.getSmoothing()}"
        )

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        self._input_fields(schema)
        pairs = self._pairs()
        if len(pairs) != len(self.stats):
            raise InputError(
                f"{self.uid} was fitted to {len(self.stats)} columns, but there are {len(pairs)} inputCols: "
                "fit it again"
            )
        return [pa.field(target, pa.float64()) for _, target in pairs]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        columns = []
        for (source, _), (categories, means, mean) in zip(self._pairs(), self._encodings(), strict=True):
            column = batch.column(source)
            values = category_values(column)
            # Where it is no null, -1 is a category like others that were not seen.
            values[(values == NULL) & column.is_valid().to_numpy(zero_copy_only=False)] = np.nan
            places = places_among(values, categories)
            seen = categories[places] == values
            if self.getHandleInvalid() == "error" and not seen.all():
                row = int(np.argmin(seen))
                what = (
                    f"the category {as_floats(column)[row]:g}, which was not seen"
                    if column[row].is_valid
                    else "a null, and there was none"
                )
                raise InputError(
                    f"{column_label(self, source)} has {what} when the model was fitted (row {row} of its "
                    "batch): set handleInvalid to 'keep'"
                )
            columns.append(pa.array(np.where(seen, means[places], mean)))
        return columns

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        keeps, pairs = self.getHandleInvalid() == "keep", self._pairs()
        if not all(usual_number(schema.field(source).type) for source, _ in pairs):
            return None
        columns = [
            (
                source,
                target,
                {
                    None if c == NULL else c: m
                    for c, m in zip(categories.tolist(), means.tolist(), strict=True)
                },
                mean,
            )
            for (source, target), (categories, means, mean) in zip(pairs, self._encodings(), strict=True)
        ]

        def function(row: Row) -> Row:
            for source, target, known, mean in columns:
                category = None if row[source] is None else float(row[source])
                if category not in known and not keeps:
                    raise UnusualValue
                row[target] = known.get(category, mean)
            return row

        return function

    def _encodings(self) -> list[tuple[FloatArray, FloatArray, float]]:
        """For each column: its categories, ascending; what becomes of each; and of one that was not seen."""
        found = []
        for categories, counts, stats in self.stats:
            is_all = categories == ALL_ROWS
            means = encodings(
                counts, stats, counts[is_all], stats[is_all],
                binary=self.getTargetType() == "binary", smoothing=self.getSmoothing(),
            )  # fmt: skip
            order = np.argsort(categories[~is_all], kind="stable")
            found.append((categories[~is_all][order], means[~is_all][order], float(means[is_all][0])))
        return found

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return [
            {"index": index, "categories": categories, "counts": counts, "stats": stats}
            for index, (categories, counts, stats) in enumerate(self.stats)
        ]

    @classmethod
    def _from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        ordered = sorted(rows, key=lambda row: int(row["index"]))
        return cls([(row["categories"], row["counts"], row["stats"]) for row in ordered])


def encodings(
    counts: FloatArray,
    stats: FloatArray,
    count: FloatArray,
    stat: FloatArray,
    *,
    binary: bool,
    smoothing: float,
) -> FloatArray:
    """float64[C], n / (n + m) times the mean of a category, plus m / (n + m) times that of all rows.

    Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", 2001.

    Args:
        counts: float64[C], n, the rows of each category.
        stats: float64[C], the sum (binary) or the mean of their labels.
        count: float64[1], that of all rows.
        stat: float64[1], that of all rows.
        binary: whether `stats` are sums.
        smoothing: m.
    """
    means, mean = (stats / counts, stat / count) if binary else (stats, stat)
    weights = counts / (counts + smoothing)
    return weights * means + (1.0 - weights) * mean


def places_among(values: FloatArray, categories: FloatArray) -> npt.NDArray[np.intp]:
    """intp[N], where each value is among categories, if it is one; some other place if it is none.

    >>> places_among(np.array([4.0, 2.0, 9.0]), np.array([2.0, 3.0, 4.0]))
    array([2, 0, 2])
    """
    first, last = categories[0], categories[-1]
    if last - first == len(categories) - 1 and (categories == np.floor(categories)).all():
        # Whole numbers without gaps, as StringIndexer makes them, need not be searched for.
        return (np.fmin(np.fmax(values, first), last) - first).astype(np.intp)
    return np.minimum(np.searchsorted(categories, values), len(categories) - 1)


def category_values(column: pa.Array) -> FloatArray:
    """float64[N], category indices; null is -1."""
    values = as_floats(column).copy()
    values[column.is_null().to_numpy(zero_copy_only=False)] = NULL
    return values


def label_sums(
    collective: Collective, rows: Dataset, stage: TargetEncoder, sources: Sequence[str]
) -> Mapping[str, Any]:
    """For each column, float64[3, C]: its categories, how many rows each has, and the sum of their labels."""
    label = stage.getLabelCol()
    sums = [np.zeros((3, 0)) for _ in sources]
    for batch in rows.batches():
        y = as_floats(batch.column(label))
        labelled = ~np.isnan(y) & batch.column(label).is_valid().to_numpy(zero_copy_only=False)
        if stage.getTargetType() == "binary" and not np.isin(y[labelled], (0.0, 1.0)).all():
            wrong = y[labelled][np.argmin(np.isin(y[labelled], (0.0, 1.0)))]
            raise InputError(
                f"{column_label(stage, label)} has the label {wrong:g}, but binary labels are 0 and 1: set "
                "targetType to 'continuous'"
            )
        for place, source in enumerate(sources):
            values = category_values(batch.column(source))
            null = batch.column(source).is_null().to_numpy(zero_copy_only=False)
            wrong_rows = ~((values >= 0) & (values < ALL_ROWS) & (values == np.floor(values)) | null)
            if wrong_rows.any():
                raise InputError(
                    f"{column_label(stage, source)} has {values[np.argmax(wrong_rows)]}, which is no index "
                    "of a category (0, 1, 2, ...): put a StringIndexer before this stage"
                )
            known, ys = (values, y) if labelled.all() else (values[labelled], y[labelled])
            part = grouped_sums([known], [np.ones(len(ys)), ys])
            sums[place] = merge_groups([sums[place], part], 1)
    return {str(place): gather_groups(collective, part, 1) for place, part in enumerate(sums)}
