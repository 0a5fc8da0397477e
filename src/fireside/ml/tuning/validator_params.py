"""What `CrossValidator` and `TrainValidationSplit` share: params, copies, and their saved form."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import pyarrow as pa

from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.ml.base import Estimator, Model
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.param import Getter, Param, ParamMap, Params, param
from fireside.ml.param.shared import HasSeed
from fireside.ml.persistence.metadata import Metadata, from_json, numbers_from_json, to_json
from fireside.ml.persistence.saving import Saveable, load_stage, write_params, write_stage
from fireside.ml.row_function import RowFunction

__all__ = ["ValidatedModel", "ValidatorParams", "read_metrics"]


def _to_estimator(value: Any) -> Estimator[Any]:
    if isinstance(value, Estimator):
        return value
    raise TypeError(f"{value!r} is not an Estimator")


def _to_evaluator(value: Any) -> Evaluator:
    if isinstance(value, Evaluator):
        return value
    raise TypeError(f"{value!r} is not an Evaluator")


def _to_param_maps(value: Any) -> list[ParamMap]:
    if isinstance(value, Sequence) and all(isinstance(item, Mapping) for item in value):
        return list(value)
    raise TypeError(f"{value!r} is not a list of param maps, as ParamGridBuilder builds")


class ValidatorParams(HasSeed, Saveable):
    """Params of everything that chooses among param maps."""

    estimator: Param[Estimator[Any]] = param(_to_estimator, "what is fitted with each of the param maps")
    getEstimator = Getter(estimator)
    estimatorParamMaps: Param[list[ParamMap]] = param(_to_param_maps, "the param maps to choose from")
    getEstimatorParamMaps = Getter(estimatorParamMaps)
    evaluator: Param[Evaluator] = param(_to_evaluator, "says how good the predictions of a model are")
    getEvaluator = Getter(evaluator)

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy, with copies of the estimator and the evaluator; `extra` may name params of either."""
        that = super().copy(extra)
        if that.isSet("estimator"):
            that._set(estimator=that.getEstimator().copy(extra))
        if that.isSet("evaluator"):
            that._set(evaluator=that.getEvaluator().copy(extra))
        return that

    def _uids(self) -> frozenset[str]:
        inner = [self._paramMap[name] for name in ("estimator", "evaluator") if self.isSet(name)]
        return super()._uids().union(*(part._uids() for part in inner))

    def _write_to(self, directory: Path) -> None:
        self._write_search(directory, {})

    def _write_search(self, directory: Path, extra: dict[str, Any]) -> None:
        """Write metadata, estimator and evaluator."""
        values = {n: v for n, v in self._paramMap.items() if n not in ("estimator", "evaluator")}
        maps = values.get("estimatorParamMaps", [])
        values["estimatorParamMaps"] = [_write_map(self, values, directory) for values in maps]
        write_params(self, directory, paramMap=values, extra=extra)
        write_part(self, self.getEstimator(), directory / "estimator")
        write_part(self, self.getEvaluator(), directory / "evaluator")

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        stage = cls._read_found(directory, metadata)
        estimator = cast(Estimator[Any], load_stage(directory / "estimator"))
        stage._set(estimator=estimator, evaluator=cast(Evaluator, load_stage(directory / "evaluator")))
        owners = {part.uid: part for part in nested_stages(estimator)}
        maps = metadata.paramMap.pop("estimatorParamMaps", [])
        try:
            read = [dict(_read_value(entry, owners, directory) for entry in entries) for entries in maps]
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(
                f"{directory / 'metadata'} holds a param map that cannot be used ({error}): "
                "save the search again"
            ) from error
        stage._set(estimatorParamMaps=read)
        metadata.restore(stage, path=directory / "metadata")
        return stage

    @classmethod
    def _read_found(cls, directory: Path, metadata: Metadata) -> Self:
        """The stage with what it has found, before its params are set."""
        return cls()


class ValidatedModel(ValidatorParams, Model):
    """A model that was chosen among others; it transforms as that model does.

    Attributes:
        bestModel: the model.
        subModels: the models that were fitted on the way; `None` where they were not collected.
    """

    bestModel: Model
    subModels: Any

    _metrics: ClassVar[tuple[str, ...]]
    """The attributes that hold metrics, one for each param map."""

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after the best model."""
        return self.bestModel.transformSchema(schema)

    def _transform(self, dataset: Any) -> Any:
        return self.bestModel._transform(dataset)

    def _row_function(self, schema: pa.Schema) -> RowFunction:
        from fireside.ml.serving.compiled import compile_stage

        return compile_stage(self.bestModel, schema)

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy, with copies of all models; `extra` may name params of the best one."""
        that = super().copy(extra)
        that.bestModel = self.bestModel.copy(extra)
        that.subModels = _copies(self.subModels)
        return that

    def _uids(self) -> frozenset[str]:
        return super()._uids() | self.bestModel._uids()

    def _written_with(self, option: str, value: str) -> Self:
        if option != "persistsubmodels":
            return self
        if value not in ("true", "false"):
            raise CheckpointError(f"{self.uid}: persistSubModels must be true or false, got {value!r}")
        if value == "true" and self.subModels is None:
            raise CheckpointError(
                f"{self.uid} has no sub-models to save: fit again with collectSubModels=True"
            )
        that = super().copy()
        that.subModels = self.subModels if value == "true" else None
        return that

    def _write_to(self, directory: Path) -> None:
        found = {name: getattr(self, name) for name in self._metrics if getattr(self, name)}
        self._write_search(directory, {**found, "persistSubModels": self.subModels is not None})
        write_part(self, self.bestModel, directory / "bestModel")
        for place, model in self._sub_model_places():
            write_part(self, model, directory / "subModels" / place)

    def _sub_model_places(self) -> list[tuple[str, Model]]:
        """Each sub-model and where it is saved."""
        return [(str(index), model) for index, model in enumerate(self.subModels or [])]


def write_part(whole: Saveable, part: Any, directory: Path) -> None:
    """Save a stage that is part of another.

    Raises:
        CheckpointError: it cannot be saved.
    """
    if not isinstance(part, Saveable):
        raise CheckpointError(f"{whole.uid} cannot be saved: {part!r} is not a stage")
    write_stage(part, directory)


def nested_stages(stage: Any) -> list[Params]:
    """A stage and all that are values of its params, however deep."""
    if not isinstance(stage, Params):
        return []
    found = [stage]
    for value in stage._paramMap.values():
        for part in value if isinstance(value, list) else [value]:
            found += nested_stages(part)
    return found


def read_metrics(values: Sequence[float | str | None] | None) -> list[float]:
    """Metrics as they were; NaN was null once."""
    return [math.nan if value is None else float(numbers_from_json(value)) for value in values or []]


def _copies(models: Any) -> Any:
    if isinstance(models, list):
        return [_copies(model) for model in models]
    return None if models is None else models.copy()


def _write_map(stage: ValidatorParams, values: ParamMap, directory: Path) -> list[dict[str, str]]:
    """A param map as Spark writes it: values are JSON in text, or stages in directories of their own."""
    known = {part.uid for part in nested_stages(stage.getEstimator())}
    entries = []
    for key, value in values.items():
        if key.parent not in known:
            raise CheckpointError(
                f"{stage.uid} cannot be saved: {key} in estimatorParamMaps is no param of its estimator"
            )
        is_json = not isinstance(value, Saveable)
        if is_json:
            text = _json_text(stage, key, value)
        else:
            text = f"epm_{key.name}{len(list(directory.glob('epm_*')))}"
            write_part(stage, value, directory / text)
        entry = {"parent": key.parent, "name": key.name, "value": text, "isJson": str(is_json).lower()}
        entries.append(entry)
    return entries


def _json_text(stage: ValidatorParams, key: Param[Any], value: Any) -> str:
    try:
        return json.dumps(to_json(value), separators=(",", ":"))
    except TypeError as error:
        raise CheckpointError(
            f"{stage.uid} cannot be saved: {key} in estimatorParamMaps has a value that JSON has no form for "
            f"({error}), so Spark could not read it either: save the bestModel that it finds"
        ) from error


def _read_value(
    entry: Mapping[str, Any], owners: Mapping[str, Params], directory: Path
) -> tuple[Param[Any], Any]:
    """One entry of a param map. pyspark writes true and false where Scala writes "true" and "false"."""
    owner = owners[entry["parent"]]
    param = owner.getParam(entry["name"])
    if str(entry.get("isJson", True)).lower() == "true":
        value = from_json(owner, {param.name: json.loads(entry["value"])})[param.name]
    else:
        # Scala writes the text once more as JSON.
        value = load_stage(directory / entry["value"].strip('"'))
    return param, param.convert(value, stage=owner.uid)
