"""`Params`: what has params. Every stage of a pipeline is one.

A class declares its params in its body (`name: Param[T] = param(...)`). The constructor takes each as a
keyword, only stores, and refuses what it does not know; type checkers see the same keywords.
"""

import copy
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform, overload

from fireside.core.errors import InputError
from fireside.ml.param.identifiable import Identifiable
from fireside.ml.param.param import UNBOUND, Param, ParamTypeError

__all__ = ["ParamMap", "Params"]

T = TypeVar("T")

ParamMap = Mapping[Param[Any], Any]
"""Values for params of one stage, or of the stages inside a pipeline."""


@dataclass_transform(kw_only_default=True, eq_default=False)
class Params(Identifiable):
    """A component with params.

    Attributes of every instance: `uid`, a name that no other stage has.

    Raises:
        ParamTypeError: a keyword that is no param of this class (the nearest is suggested), or a value of
            the wrong type.
        InputError: a value that the param does not allow.

    >>> from fireside.ml.param import TypeConverters, param
    >>> class Scale(Params):
    ...     factor: Param[float] = param(TypeConverters.toFloat, "what to multiply by", default=1.0)
    >>> Scale(factor=2).explainParams()
    'factor: what to multiply by (default: 1.0, current: 2.0)'
    >>> Scale(facto=2)
    Traceback (most recent call last):
    fireside.ml.param.param.ParamTypeError: Scale has no param 'facto'; did you mean 'factor'? Params: factor
    """

    _declared: ClassVar[dict[str, Param[Any]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        found: dict[str, Param[Any]] = {}
        for base in reversed(cls.__mro__):
            found |= {value.name: value for value in vars(base).values() if isinstance(value, Param)}
        cls._declared = dict(sorted(found.items()))

    def __init__(self, **params: Any) -> None:
        super().__init__()
        self._paramMap: dict[str, Any] = {}
        self._defaultParamMap: dict[str, Any] = {
            name: declared.default.of(self)
            for name, declared in self._declared.items()
            if declared.default is not None
        }
        self._set(**params)

    @property
    def params(self) -> list[Param[Any]]:
        """All params, by name."""
        return [declared.bound_to(self.uid) for declared in self._declared.values()]

    def setParams(self, **params: Any) -> Self:
        """Set params by keyword; `None` leaves a param as it is."""
        return self._set(**params)

    if not TYPE_CHECKING:  # Checkers would take it for leave to assign anything.

        def __setattr__(self, name: str, value: Any) -> None:
            """Set an attribute; `self.name = Param(self, ...)` declares a param of this instance alone."""
            if isinstance(value, Param):
                self._declare(name, value)
            else:
                super().__setattr__(name, value)

    def _declare(self, attribute: str, declared: Param[Any]) -> None:
        if declared.name != attribute or declared.parent not in (self.uid, UNBOUND):
            raise ParamTypeError(
                f"{self.uid}: {declared} cannot be its attribute {attribute!r}: write "
                f"self.{attribute} = Param(self, {attribute!r}, doc, converter)"
            )
        # A dict of the instance's own hides that of the class, which has the other params.
        vars(self)["_declared"] = dict(sorted({**self._declared, attribute: declared}.items()))
        vars(self)[attribute] = declared.bound_to(self.uid)

    def hasParam(self, paramName: str) -> bool:
        """Whether there is a param of this name."""
        return paramName in self._declared

    def getParam(self, paramName: str) -> Param[Any]:
        """The param of this name.

        Raises:
            ParamTypeError: there is none; the nearest is suggested.
        """
        declared = self._declared
        if paramName not in declared:
            near = difflib.get_close_matches(str(paramName), declared, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            known = ", ".join(declared) or "none at all"
            raise ParamTypeError(f"{type(self).__name__} has no param {paramName!r}{hint} Params: {known}")
        return declared[paramName].bound_to(self.uid)

    def explainParam(self, param: str | Param[Any]) -> str:
        """Name, documentation, default and value of a param in one line."""
        name = self._own(param)
        values = [
            f"{word}: {values[name]}"
            for word, values in (("default", self._defaultParamMap), ("current", self._paramMap))
            if name in values
        ]
        return f"{name}: {self.getParam(name).doc} ({', '.join(values) or 'undefined'})"

    def explainParams(self) -> str:
        """`explainParam` of every param, one a line."""
        return "\n".join(self.explainParam(param) for param in self.params)

    def isSet(self, param: str | Param[Any]) -> bool:
        """Whether a param was set to a value of its own."""
        return self._own(param) in self._paramMap

    def hasDefault(self, param: str | Param[Any]) -> bool:
        """Whether a param has a default."""
        return self._own(param) in self._defaultParamMap

    def isDefined(self, param: str | Param[Any]) -> bool:
        """Whether a param was set or has a default."""
        return self.isSet(param) or self.hasDefault(param)

    @overload
    def getOrDefault(self, param: str) -> Any: ...

    @overload
    def getOrDefault(self, param: Param[T]) -> T: ...

    def getOrDefault(self, param: str | Param[Any]) -> Any:
        """The value of a param, or its default.

        Raises:
            InputError: it has neither.
        """
        name = self._own(param)
        for values in (self._paramMap, self._defaultParamMap):
            if name in values:
                return values[name]
        raise InputError(f"{self.uid}: param {name} is not set and has no default: pass {name}=...")

    def extractParamMap(self, extra: ParamMap | None = None) -> dict[Param[Any], Any]:
        """All values: defaults, overridden by what was set, overridden by `extra`."""
        own = {self.getParam(name): value for name, value in (self._defaultParamMap | self._paramMap).items()}
        return own | dict(extra or {})

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy with the same uid, and the values of `extra` that are meant for it."""
        that = copy.copy(self)
        that._paramMap = dict(self._paramMap)
        that._defaultParamMap = dict(self._defaultParamMap)
        return that._set(
            **{param.name: value for param, value in _checked_map(extra).items() if param.parent == self.uid}
        )

    def set(self, param: Param[Any], value: Any) -> None:
        """Set a param of this stage."""
        self._set(**{self._own(param): value})

    def clear(self, param: Param[Any]) -> None:
        """Forget the value of a param, so that its default holds again."""
        self._paramMap.pop(self._own(param), None)

    def _set(self, **params: Any) -> Self:
        for name, value in params.items():
            declared = self.getParam(name)
            if value is not None:
                self._paramMap[name] = declared.convert(value, stage=self.uid)
        return self

    def _setDefault(self, **params: Any) -> Self:
        for name, value in params.items():
            self._defaultParamMap[name] = self.getParam(name).convert(value, stage=self.uid)
        return self

    def _copyValues(self, to: "Params", extra: ParamMap | None = None) -> None:
        """Give another component the values of the params that both have."""
        values = self.copy(extra)
        to._paramMap |= {name: value for name, value in values._paramMap.items() if to.hasParam(name)}
        to._defaultParamMap |= {
            name: value for name, value in values._defaultParamMap.items() if to.hasParam(name)
        }

    def _resetUid(self, uid: str) -> Self:
        self.uid = uid
        own = vars(self)
        own.update({name: value.bound_to(uid) for name, value in own.items() if isinstance(value, Param)})
        return self

    def _uids(self) -> frozenset[str]:
        """The uids whose params a map for this component may name."""
        return frozenset({self.uid})

    def _with_extra(self, extra: ParamMap | None) -> Self:
        """This component, or a copy with extra values.

        Raises:
            ParamTypeError: a key is not a param, or belongs to no stage in here.
        """
        if not extra:
            return self
        # Of the copy, since a map may bring stages and name params of these.
        that = self.copy(extra)
        known = that._uids()
        for param in extra:
            if param.parent not in known:
                hint = f"use stage.{param.name}" if param.parent == UNBOUND else "it belongs to another stage"
                raise ParamTypeError(f"{self.uid} cannot be given a value for {param}: {hint}")
        return that

    def _own(self, param: str | Param[Any]) -> str:
        """The name of a param, after a check that it is one of this component's."""
        if isinstance(param, Param) and param.parent not in (self.uid, UNBOUND):
            raise ParamTypeError(f"{param!r} does not belong to {self.uid}")
        name = param.name if isinstance(param, Param) else param
        if name not in self._declared:
            self.getParam(name)
        return name

    @classmethod
    def _dummy(cls) -> str:
        """The parent of a param that is declared by hand, as `Param(Params._dummy(), name, doc)`."""
        return UNBOUND


def _checked_map(extra: ParamMap | None) -> ParamMap:
    for param in extra or {}:
        if not isinstance(param, Param):
            raise ParamTypeError(f"a key of a param map is a Param (such as stage.k), got {param!r}")
    return extra or {}
