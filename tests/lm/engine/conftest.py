from collections.abc import Callable

import pytest
import torch

from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

MakeEngine = Callable[..., Engine]


@pytest.fixture(scope="session")
def small_tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(["a fire by the sea, a fire by the shore"], vocab_size=280)


@pytest.fixture
def make_engine(tiny: Callable[..., ModelConfig], small_tokenizer: Tokenizer) -> MakeEngine:
    """Makes an engine over random weights large enough that choices differ; it rarely ends by itself."""
    models = []  # an engine does not keep its model, and takes new weights from it

    def make(*, context_length: int = 256, **limits: object) -> Engine:
        config = tiny(
            "0_1s_1s_3s_3s_0",
            vocab_size=280,
            window=7,
            tie_embeddings=False,
            context_length=context_length,
        )
        model = Transformer(config, seed=11)
        models.append(model)
        with torch.no_grad():
            model.lm_head.weight[small_tokenizer.eos_id] = 0.0
        models.append(model)
        return Engine(model, small_tokenizer, EngineConfig(**limits))  # type: ignore[arg-type]

    return make
