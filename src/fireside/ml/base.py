"""`Estimator`, `Transformer`, `Model` and `UnaryTransformer`.

`fit` and `transform` take any frame that `fireside.compute` takes, and `transform` returns the same kind.
Below them there are only data sets: `_fit` and `_transform` see Arrow batches, and a transform is lazy. A
`_transform` of a user's own may return any frame.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.core.errors import InputError, SchemaError
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.param.param import ParamTypeError
from fireside.ml.param.params import ParamMap, Params
from fireside.ml.param.shared import HasInputCol, HasOutputCol
from fireside.ml.persistence.saving import Saveable
from fireside.ml.row_function import RowFunction
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field
from fireside.ml.users_methods import accept_users_method

if TYPE_CHECKING:
    from fireside.ml.serving.predictor import Predictor

__all__ = ["Estimator", "Model", "PipelineStage", "Transformer", "UnaryTransformer"]

M = TypeVar("M", bound="Model")


def _data_set(found: Any) -> Dataset:
    """What a `_transform` returned."""
    return found if isinstance(found, Dataset) else open_frame(found)


class PipelineStage(Saveable, ABC):
    """What can stand in a pipeline."""

    @abstractmethod
    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage.

        Raises:
            SchemaError: a column is missing or of the wrong type; the message names stage and column.
        """


class Transformer(PipelineStage):
    """Maps a frame to a frame."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        accept_users_method(cls, "_transform", _data_set)

    def transform(self, dataset: Any, params: ParamMap | None = None) -> Any:
        """Transform a frame.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            params: values that hold for this call alone.

        Returns:
            The kind of frame that came in; for paths and data sets a lazy data set.

        Raises:
            SchemaError: a column is missing or of the wrong type.
            InputError: a row that cannot be used.
        """
        return return_frame(self._with_extra(params)._transform(open_frame(dataset)), dataset)

    def predictor(self, outputs: Sequence[str] | None = None, schema: pa.Schema | None = None) -> "Predictor":
        """This transformer as a function of one row (a dict) or of a few (a list of dicts).

        Args:
            outputs: the columns to return; `None` returns all, those of the row included.
            schema: the columns of the rows and their types; `None` takes the types of the values.
        """
        from fireside.ml.serving.predictor import Predictor

        return Predictor(self, outputs, schema)

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        """What this stage does to one row of such columns without Arrow; `None` leaves it to `_transform`."""
        return None

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage; where a stage does not say, those of its `_transform` of no rows."""
        return self._transform(TableDataset(schema.empty_table())).schema

    @abstractmethod
    def _transform(self, dataset: Dataset) -> Dataset:
        """The transformed rows, lazily; schemas are checked now."""


class Model(Transformer):
    """A transformer that an estimator fitted; unless it is a pipeline's, it has the uid of the estimator."""

    def _fitted_by(self, estimator: Params) -> Self:
        self._resetUid(estimator.uid)
        estimator._copyValues(self)
        return self


class Estimator(PipelineStage, Generic[M]):
    """Fits a model to a frame."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        accept_users_method(cls, "_fit", lambda model: model)

    @overload
    def fit(self, dataset: Any, params: ParamMap | None = None) -> M: ...

    @overload
    def fit(self, dataset: Any, params: Sequence[ParamMap]) -> list[M]: ...

    def fit(self, dataset: Any, params: ParamMap | Sequence[ParamMap] | None = None) -> M | list[M]:
        """Fit a model.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            params: values that hold for this call alone; a list of such maps gives a list of models.

        Raises:
            SchemaError: a column is missing or of the wrong type.
            InputError: a row that cannot be used.
        """
        if isinstance(params, list | tuple):
            return [model for _, model in self.fitMultiple(dataset, params)]
        if params is not None and not isinstance(params, dict):
            raise ParamTypeError(f"{self.uid}: params must be a dict or a list of dicts, got {params!r}")
        stage = self._with_extra(params)
        rows = open_frame(dataset)
        stage.transformSchema(rows.schema)
        return stage._fit(rows)

    def fitMultiple(self, dataset: Any, paramMaps: Sequence[ParamMap]) -> Iterator[tuple[int, M]]:
        """Fit one model for each param map, lazily: yields `(index, model)`."""
        estimator, rows = self.copy(), open_frame(dataset)
        for index, params in enumerate(paramMaps):
            yield index, estimator.fit(rows, params)

    @abstractmethod
    def _fit(self, dataset: Dataset) -> M:
        """Fit to rows whose schema `transformSchema` has accepted."""


class UnaryTransformer(RowTransform, HasInputCol, HasOutputCol, Transformer):
    """Base of a user's own transformer: a Python function of one value, row by row.

    >>> class Squarer(UnaryTransformer):
    ...     def createTransformFunc(self):
    ...         return lambda value: value * value
    ...     def outputDataType(self):
    ...         return pa.float64()
    ...     def validateInputType(self, inputType):
    ...         pass
    >>> Squarer(inputCol="a", outputCol="b").transform({"a": [1.0, 3.0]})
    {'a': [1.0, 3.0], 'b': [1.0, 9.0]}
    """

    @abstractmethod
    def createTransformFunc(self) -> Callable[[Any], Any]:
        """The function; it sees the values of the input column, nulls as `None`."""

    @abstractmethod
    def outputDataType(self) -> pa.DataType:
        """The type of the output column."""

    @abstractmethod
    def validateInputType(self, inputType: pa.DataType) -> None:
        """Raise where a column of this type cannot be used."""

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        field = input_field(self, schema, self.getInputCol(), wanted="any type", fits=lambda kind: True)
        try:
            self.validateInputType(field.type)
        except (TypeError, ValueError) as error:
            raise SchemaError(f"{self.uid}: column {field.name!r} cannot be used: {error}") from error
        kind: object = self.outputDataType()
        if not isinstance(kind, pa.DataType):
            raise InputError(
                f"{self.uid}: outputDataType must return a type of pyarrow, such as pa.float64(), "
                f"got {kind!r}"
            )
        return [pa.field(self.getOutputCol(), kind)]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        function = self.createTransformFunc()
        values = [function(value) for value in batch[self.getInputCol()].to_pylist()]
        return [pa.array(values, self.outputDataType())]
