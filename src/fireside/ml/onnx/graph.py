"""An ONNX graph under construction: the columns there are so far, and nodes that make more.

Every column is a tensor of two dimensions: [N, 1] for numbers, strings and booleans, [N, D] for vectors.
Vectors are dense float64; null is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.core.extras import require
from fireside.ml.linalg.vector_type import is_vector_like

__all__ = ["Graph", "Tensor", "opset_versions"]

onnx = require("onnx", extra="onnx")

OPSET, ML_OPSET, IR_VERSION = 20, 3, 9
"""What onnxruntime has had since 1.17."""

ML_DOMAIN = "ai.onnx.ml"

_ELEMENTS = {
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.int64(): "INT64",
    pa.int32(): "INT32",
    pa.bool_(): "BOOL",
    pa.string(): "STRING",
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of the graph.

    Attributes:
        name: its name there.
        element: ONNX's name of the type of its elements, such as "DOUBLE".
    """

    name: str
    element: str


@dataclass(frozen=True, slots=True)
class Words:
    """Lists of words, which only stages of a graph hand to one another.

    Attributes:
        strings: [N, K].
        there: bool[N, K], which of them are in the lists.
        lowers: whether the words are meant in lower case; only their ASCII letters are in it.
        cut_inside: whether text was cut at other characters than white space.
    """

    strings: Tensor
    there: Tensor
    lowers: bool
    cut_inside: bool = False


class Graph:
    """Nodes, constants, columns, and columns of lists of words of a graph."""

    def __init__(self) -> None:
        self.columns: dict[str, Tensor] = {}
        self.words: dict[str, Words] = {}
        self._inputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._num_values = 0

    def add_input(self, field: pa.Field) -> None:
        """A column that rows bring.

        Raises:
            InputError: ONNX has no tensor of its type.
        """
        element = "DOUBLE" if is_vector_like(field.type) else _ELEMENTS.get(field.type)
        if element is None:
            raise InputError(
                f"column {field.name!r} is {field.type}, of which ONNX has no tensor: leave it out"
            )
        shape = ["N", f"size of {field.name}" if is_vector_like(field.type) else 1]
        self._inputs.append(onnx.helper.make_tensor_value_info(field.name, _code(element), shape))
        self.columns[field.name] = Tensor(field.name, element)

    def read(self, column: str) -> Tensor:
        """A column as it is."""
        return self.columns[column]

    def numbers(self, column: str) -> Tensor:
        """A column of numbers, booleans or vectors as float64."""
        return self.cast(self.read(column), "DOUBLE")

    def cast(self, value: Tensor, element: str) -> Tensor:
        """A value with elements of another type."""
        return (
            value
            if value.element == element
            else self.node("Cast", value, element=element, to=_code(element))
        )

    def constant(self, values: Any, dtype: Any = np.float64) -> Tensor:
        """A constant: float64, or of another dtype."""
        array = np.asarray(values, dtype)
        name = self._new_name()
        self._constants.append(onnx.numpy_helper.from_array(array, name))
        return Tensor(name, onnx.TensorProto.DataType.Name(self._constants[-1].data_type))

    def row(self, values: Any) -> Tensor:
        """A constant float64[1, D], which meets every row."""
        return self.constant(np.asarray(values, np.float64).reshape(1, -1))

    def node(
        self, operator: str, *inputs: Tensor, element: str | None = None, domain: str = "", **attributes: Any
    ) -> Tensor:
        """The result of an operator.

        Args:
            operator: its name in ONNX.
            inputs: what it works on.
            element: of the result; `None` where it is that of the first input.
            domain: of the operator.
            attributes: of the operator.
        """
        [result] = self.nodes(
            operator, *inputs, elements=[element or inputs[0].element], domain=domain, **attributes
        )
        return result

    def nodes(
        self, operator: str, *inputs: Tensor, elements: Sequence[str], domain: str = "", **attributes: Any
    ) -> list[Tensor]:
        """The results of an operator that has several, with elements of these types."""
        results = [Tensor(self._new_name(), element) for element in elements]
        read, made = [one.name for one in inputs], [one.name for one in results]
        self._nodes.append(onnx.helper.make_node(operator, read, made, domain=domain, **attributes))
        return results

    def test(self, operator: str, *inputs: Tensor, **attributes: Any) -> Tensor:
        """The result of a comparison."""
        return self.node(operator, *inputs, element="BOOL", **attributes)

    def over_entries(self, operator: str, value: Tensor) -> Tensor:
        """[N, 1], a reduction such as `ReduceSum` of the entries of each row."""
        return self.node(operator, value, self.constant([1], np.int64), keepdims=1)

    def where(self, condition: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
        """`then` where the condition holds."""
        return self.node("Where", condition, then, otherwise, element=then.element)

    def write(self, column: str, value: Tensor) -> None:
        """Give a value the name of a column, in place of one that had it."""
        self.columns[column] = value

    def model(self, outputs: list[str]) -> Any:
        """The finished ONNX model, checked; its outputs have the names of the columns."""
        made = []
        nodes = list(self._nodes)
        taken = {value.name for value in self._inputs}
        for column in outputs:
            value = self.columns[column]
            # An input that is replaced, or asked for, cannot be an output of the same name.
            name = f"{column} (output)" if column in taken else column
            nodes.append(onnx.helper.make_node("Identity", [value.name], [name]))
            made.append(onnx.helper.make_tensor_value_info(name, _code(value.element), ["N", None]))
        graph = onnx.helper.make_graph(nodes, "fireside", self._inputs, made, self._constants)
        versions = [onnx.helper.make_opsetid(*pair) for pair in opset_versions().items()]
        built = onnx.helper.make_model(
            graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="fireside"
        )
        onnx.checker.check_model(built, full_check=True)
        return built

    def _new_name(self) -> str:
        self._num_values += 1
        # No column can have such a name and be read by its own.
        return f"\N{MIDDLE DOT}{self._num_values}"


def opset_versions() -> dict[str, int]:
    """The versions of the operators that graphs use, by domain."""
    return {"": OPSET, ML_DOMAIN: ML_OPSET}


def _code(element: str) -> int:
    code: int = onnx.TensorProto.DataType.Value(element)
    return code
