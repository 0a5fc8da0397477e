"""The MiniLM encoder as an ONNX graph that multiplies in int8.

The packaged model keeps its weights in int8 and multiplies in float32. This graph takes the same weights and
multiplies them as they are, quantising each activation on the way (`DynamicQuantizeMatMul`), one text at a
time, so that there is no padding and no mask and a vector depends on its text alone. Layers are unfused where
the fused kernel is slower: `SkipLayerNormalization` takes nine times as long as `Add` + `LayerNormalization`.

Shape legend: T tokens, D = 384 width, H = 12 heads, F = 1536 inner width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fireside.core.errors import CheckpointError
from fireside.core.extras import require

__all__ = ["int8_encoder"]

NUM_LAYERS, NUM_HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
MICROSOFT = "com.microsoft"
EMBEDDINGS = "inner.embeddings."

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(slots=True)
class _Encoder:
    """The graph under construction; every method adds nodes and returns the name of its output.

    Attributes:
        onnx: the library.
        arrays: constants of the packaged model.
        weights: int8[in, out] and float32[out] scale of each linear layer, by the name of its bias.
    """

    onnx: Any
    arrays: Mapping[str, Array]
    weights: Mapping[str, tuple[Array, Array]]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def embed(self) -> str:
        """Words + positions + the one token type, normalised."""
        words_q = self.constant("words_q", self.arrays[f"{EMBEDDINGS}word_embeddings.weight_q"])
        scales = self.constant("scales", self.arrays[f"{EMBEDDINGS}word_embeddings.weight_scale"])
        positions = self.arrays[f"{EMBEDDINGS}position_embeddings.weight_q"].astype(np.float32)
        positions *= self.arrays[f"{EMBEDDINGS}position_embeddings.weight_scale"]
        positions += self.arrays[f"{EMBEDDINGS}token_type_embeddings.weight"][0]
        for name, value in (("zero", 0), ("one", 1), ("two", 2)):
            self.constant(name, np.array([value], np.int64))
        self.node("Gather", [words_q, "input_ids"], "word_q")
        self.node("Cast", ["word_q"], "word_f", to=self.onnx.TensorProto.FLOAT)
        self.node("Gather", [scales, "input_ids"], "word_scale")
        word = self.node("Mul", ["word_f", "word_scale"], "word")
        self.node("Shape", ["input_ids"], "shape")
        self.node("Slice", ["shape", "one", "two", "zero"], "length")
        positions_name = self.constant("positions", positions)
        place = self.node("Slice", [positions_name, "zero", "length", "zero"], "place")
        summed = self.node("Add", [word, place], "embedded")
        return self.normalise(f"{EMBEDDINGS}LayerNorm", summed, "x0")

    def layer(self, number: int, x_TD: str) -> str:
        """Attention and the feed-forward part, each added to its input and normalised."""
        inside, name = f"inner.encoder.layer.{number}.", f"l{number}."
        parts = [f"{inside}attention.self.{part}.bias" for part in ("query", "key", "value")]
        qkv = self.linear(parts, x_TD, f"{name}qkv")
        attended = self.attention(qkv, name)
        projected = self.linear([f"{inside}attention.output.dense.bias"], attended, f"{name}o")
        summed = self.node("Add", [projected, x_TD], f"{name}sum1")
        h_TD = self.normalise(f"{inside}attention.output.LayerNorm", summed, f"{name}h")
        wide_TF = self.linear([f"{inside}intermediate.dense.bias"], h_TD, f"{name}wide")
        gelu_TF = self.node("Gelu", [wide_TF], f"{name}gelu", MICROSOFT)
        narrow = self.linear([f"{inside}output.dense.bias"], gelu_TF, f"{name}narrow")
        summed = self.node("Add", [narrow, h_TD], f"{name}sum2")
        return self.normalise(f"{inside}output.LayerNorm", summed, f"{name}x")

    def attention(self, qkv: str, name: str) -> str:
        """Softmax attention over all tokens of the one text."""
        thirds = self.constant(f"{name}thirds", np.array([WIDTH] * 3, np.int64))
        outputs = [f"{name}{part}" for part in "qkv"]
        self.nodes.append(self.onnx.helper.make_node("Split", [qkv, thirds], outputs, axis=-1))
        shape = np.array([0, 0, NUM_HEADS, WIDTH // NUM_HEADS], np.int64)
        heads = self.constant(f"{name}heads", shape)
        for part, order in zip(outputs, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True):
            self.node("Reshape", [part, heads], f"{part}_h")
            self.node("Transpose", [f"{part}_h"], f"{part}_t", perm=order)
        scale = float((WIDTH // NUM_HEADS) ** -0.5)
        self.node("FusedMatMul", [f"{name}q_t", f"{name}k_t"], f"{name}scores", MICROSOFT, alpha=scale)
        self.node("Softmax", [f"{name}scores"], f"{name}shares", axis=-1)
        self.node("MatMul", [f"{name}shares", f"{name}v_t"], f"{name}mixed")
        self.node("Transpose", [f"{name}mixed"], f"{name}mixed_t", perm=[0, 2, 1, 3])
        width = self.constant(f"{name}width", np.array([0, 0, WIDTH], np.int64))
        return self.node("Reshape", [f"{name}mixed_t", width], f"{name}attended")

    def linear(self, biases: list[str], x: str, output: str) -> str:
        """One product for several layers with the same input."""
        weights, scales = zip(*(self.weights[bias] for bias in biases), strict=True)
        inputs = [
            x,
            self.constant(f"{output}_w", np.concatenate(weights, axis=1)),
            self.constant(f"{output}_s", np.concatenate(scales)),
            "",  # no zero point: the weights are symmetric
            self.constant(f"{output}_b", np.concatenate([self.arrays[bias] for bias in biases])),
        ]
        return self.node("DynamicQuantizeMatMul", inputs, output, MICROSOFT)

    def normalise(self, name: str, x: str, output: str) -> str:
        gamma = self.constant(f"{output}_g", self.arrays[f"{name}.weight"])
        beta = self.constant(f"{output}_n", self.arrays[f"{name}.bias"])
        return self.node("LayerNormalization", [x, gamma, beta], output, axis=-1, epsilon=EPSILON)

    def serialize(self) -> bytes:
        helper, proto = self.onnx.helper, self.onnx.TensorProto
        body = helper.make_graph(
            self.nodes,
            "minilm-int8",
            [helper.make_tensor_value_info("input_ids", proto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("pooled", proto.FLOAT, [1, WIDTH])],
            self.constants,
        )
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        # The oldest format that has these operators, so that a newer onnx does not outrun onnxruntime.
        built: bytes = helper.make_model(body, opset_imports=versions, ir_version=8).SerializeToString()
        return built


def int8_encoder(model: bytes) -> bytes:
    """A graph from `input_ids` int64[1, T] to `pooled` float32[1, D], the mean over the tokens.

    Args:
        model: the packaged model, with weights in int8 and a float32 scale for each column.

    Raises:
        CheckpointError: it is another model.
        MissingExtraError: onnx is not installed.
    """
    onnx = require("onnx", extra="agents")
    try:
        source = onnx.load_model_from_string(model).graph
        arrays = {item.name: onnx.numpy_helper.to_array(item) for item in source.initializer}
        encoder = _Encoder(onnx, arrays, _weights_by_bias(source, arrays))
        x_TD = encoder.embed()
        for number in range(NUM_LAYERS):
            x_TD = encoder.layer(number, x_TD)
        encoder.node("ReduceMean", [x_TD], "pooled", axes=[1], keepdims=0)
        return encoder.serialize()
    # A file that is no protobuf raises an error of a library that onnx hides.
    except Exception as error:
        raise CheckpointError(
            f"the embedding model is not the MiniLM that the int8 graph is made for ({error!r}): "
            "reinstall it, or use precision='float32'"
        ) from error


def _weights_by_bias(source: Any, arrays: Mapping[str, Array]) -> dict[str, tuple[Array, Array]]:
    """(int8[in, out], float32[out] scale) of each product that an addition of a constant follows."""
    products = {
        node.output[0]: node.input[1]
        for node in source.node
        if node.op_type == "MatMul" and f"{node.input[1]}_q" in arrays
    }
    weights = {}
    for node in source.node:
        if node.op_type != "Add":
            continue
        for product, bias in (node.input, reversed(node.input)):
            if product in products:
                name = products[product]
                weights[bias] = (arrays[f"{name}_q"], arrays[f"{name}_scale"].reshape(-1))
    return weights
