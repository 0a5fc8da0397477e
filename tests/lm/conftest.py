from collections.abc import Callable, Iterator

import pytest
import torch

from fireside.lm.config import ModelConfig


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, and the machine may be shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> Callable[..., ModelConfig]:
    """Makes the configuration of a model small enough for any test."""

    def make(layer_map: str = "0_1s_1s_3s_3s_0", **changes: object) -> ModelConfig:
        sizes: dict[str, object] = {
            "vocab_size": 61,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 4,
            "num_kv_heads": 2,
            "head_dim": 8,
            "layer_map": layer_map,
            "window": 5,
            "context_length": 256,
            "initializer_range": 0.2,
        }
        return ModelConfig(**{**sizes, **changes})  # type: ignore[arg-type]

    return make
