"""Stages as users write them for pyspark, with `pyspark.ml` replaced by `fireside.ml` in the imports."""

import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import map_batches
from fireside.ml import Model, Transformer
from fireside.ml.base import Estimator
from fireside.ml.param.shared import HasInputCol, HasOutputCol, Param, Params, TypeConverters
from fireside.ml.util import (
    DefaultParamsReadable,
    DefaultParamsReader,
    DefaultParamsWritable,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
    keyword_only,
)


class Shout(Transformer, HasInputCol, HasOutputCol, DefaultParamsReadable, DefaultParamsWritable):
    """Adds marks to a text; its params are declared on the class, its constructor takes keywords."""

    mark = Param(Params._dummy(), "mark", "what to add", typeConverter=TypeConverters.toString)
    times = Param(Params._dummy(), "times", "how often to add it", typeConverter=TypeConverters.toInt)

    @keyword_only
    def __init__(self, inputCol=None, outputCol=None, mark=None, times=None):
        super().__init__()
        self._setDefault(mark="!", times=1)
        kwargs = self._input_kwargs
        self.setParams(**kwargs)

    @keyword_only
    def setParams(self, inputCol=None, outputCol=None, mark=None, times=None):
        kwargs = self._input_kwargs
        return self._set(**kwargs)

    def setMark(self, value):
        return self._set(mark=value)

    def getMark(self):
        return self.getOrDefault(self.mark)

    def _transform(self, dataset):
        field = pa.field(self.getOutputCol(), pa.string())
        marks = self.getMark() * self.getOrDefault(self.times)

        def shouted(batch):
            column = pc.binary_join_element_wise(batch[self.getInputCol()], marks, "")
            return batch.append_column(field, column)

        return map_batches(dataset, shouted, dataset.schema.append(field))


class MixinsFirst(DefaultParamsReadable, DefaultParamsWritable, HasInputCol, Transformer):
    """The mixins stand before the stage."""

    def _transform(self, dataset):
        return dataset


class MeanShift(Estimator, HasInputCol):
    """An estimator whose model has a writer and a reader of its own."""

    def transformSchema(self, schema):
        return schema

    def _fit(self, dataset):
        column = dataset.to_table()[self.getInputCol()]
        return MeanShiftModel(pc.mean(column).as_py())._fitted_by(self)


class MeanShiftModel(Model, HasInputCol, MLReadable, MLWritable):
    """Takes the mean away."""

    def __init__(self, mean=None):
        super().__init__()
        self.mean = mean

    def transformSchema(self, schema):
        return schema

    def _transform(self, dataset):
        place = dataset.schema.get_field_index(self.getInputCol())

        def shifted(batch):
            column = pc.subtract(batch.column(place), self.mean)
            return batch.set_column(place, batch.schema.field(place), column)

        return map_batches(dataset, shifted, dataset.schema)

    def write(self):
        return MeanShiftWriter(self)

    @classmethod
    def read(cls):
        return MeanShiftReader(cls)


class MeanShiftWriter(MLWriter):
    def __init__(self, instance):
        super().__init__()
        self.instance = instance

    def saveImpl(self, path):
        DefaultParamsWriter.saveMetadata(
            self.instance, path, self.sc, extraMetadata={"mean": self.instance.mean}
        )


class MeanShiftReader(MLReader):
    def __init__(self, cls):
        super().__init__()
        self.cls = cls

    def load(self, path):
        metadata = DefaultParamsReader.loadMetadata(path, self.sc)
        model = self.cls(metadata["mean"])
        model._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        return model


class Outer:
    """Holds a class that pyspark's reader could not find either."""

    class Inner(Transformer):
        def _transform(self, dataset):
            return dataset


class NeedsWord(Transformer):
    """A constructor that loading could not call."""

    def __init__(self, word):
        super().__init__()
        self.word = word

    def _transform(self, dataset):
        return dataset


class Settings(Params, DefaultParamsReadable, DefaultParamsWritable):
    """A component that is no stage."""

    anything = Param(Params._dummy(), "anything", "any value")


class OldStyle(Transformer, HasInputCol):
    """Its params are declared on the instance, as in pyspark's first versions."""

    def __init__(self, inputCol=None, amount=None):
        super().__init__()
        self.amount = Param(self, "amount", "what to add", TypeConverters.toFloat)
        self.inputCol = Param(self, "inputCol", "the column to add to", TypeConverters.toString)
        self.note = Param(self, "note", "")
        self._setDefault(amount=1.0)
        self._set(inputCol=inputCol, amount=amount)

    def _transform(self, dataset):
        name, amount = self.getInputCol(), self.getOrDefault(self.amount)
        place = dataset.schema.get_field_index(name)

        def added(batch):
            return batch.set_column(place, name, pc.add(batch.column(place), amount))

        return map_batches(dataset, added, dataset.schema)
