from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fireside.core.errors import ConfigError
from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.panel_product import multiply
from fireside.lm.engine.panels import PANEL, to_panels
from fireside.lm.engine.weight_format import WEIGHT_FORMATS, WeightFormat
from fireside.lm.layer_map import LayerMap
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rounded(weight_XK: Tensor) -> Tensor:
    """The reference: each row in 255 steps."""
    step_X1 = weight_XK.abs().amax(dim=1, keepdim=True) / 127
    return (weight_XK / step_X1).round() * step_X1


@pytest.mark.parametrize("weight_format", WEIGHT_FORMATS)
@pytest.mark.parametrize(("outputs", "depth"), [(1, 1), (PANEL, 16), (3 * PANEL - 5, 77), (200, 300)])
def test_products_are_those_of_torch(weight_format: WeightFormat, outputs: int, depth: int) -> None:
    weight = random(outputs, depth)
    panels = to_panels(weight, weight_format)
    reference = weight if weight_format == "fp32" else rounded(weight)
    for rows in (1, 2, 3, 7, 8, 16, 21):
        x = random(rows, depth, seed=rows)
        wanted = (x.double() @ reference.double().T).float()
        torch.testing.assert_close(multiply(x, panels), wanted, rtol=1e-5, atol=1e-5 * depth**0.5)
        normed = F.rms_norm(x.double(), (depth,), None, 0.1) @ reference.double().T
        torch.testing.assert_close(multiply(x, panels, eps=0.1), normed.float(), rtol=1e-4, atol=1e-4)
        start = random(rows, outputs, seed=9)
        into = start.clone()
        assert multiply(x, panels, into=into) is into
        torch.testing.assert_close(into, start + wanted, rtol=1e-5, atol=1e-5 * depth**0.5)


@pytest.mark.parametrize("weight_format", WEIGHT_FORMATS)
def test_a_row_does_not_depend_on_what_shares_its_product(weight_format: WeightFormat) -> None:
    panels = to_panels(random(150, 90), weight_format)
    x = random(13, 90, seed=1)
    alone = torch.cat([multiply(row[None], panels, eps=1e-5) for row in x])
    assert torch.equal(multiply(x, panels, eps=1e-5), alone)


def test_int8_takes_a_quarter_of_the_memory_and_keeps_rows_of_zeros() -> None:
    weight = random(PANEL * 4, 512)
    weight[3] = 0
    whole, bytes_ = to_panels(weight), to_panels(weight, "int8")
    assert bytes_.num_bytes < 0.26 * whole.num_bytes
    assert multiply(random(2, 512), bytes_)[:, 3].tolist() == [0, 0]


@pytest.mark.parametrize("preset", ["standard", "sliding", "ma-pairs", "ma-offset"])
def test_an_int8_engine_equals_the_rounded_model_however_it_caches(
    tiny: Callable[..., ModelConfig], small_tokenizer: Tokenizer, preset: str
) -> None:
    config = tiny(str(LayerMap.preset(preset, 12, 7)), vocab_size=280, window=7, tie_embeddings=False)
    model, reference = Transformer(config, seed=11), Transformer(config, seed=11)
    with torch.no_grad():
        for module in reference.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(rounded(module.weight))
    prompt = tuple(range(1, 42))
    params = SamplingParams(max_tokens=20, temperature=0)
    request = SampleRequest(prompt, params)
    wanted = Engine(reference, small_tokenizer).sample([request])[0]
    whole = Engine(model, small_tokenizer, EngineConfig(weights="int8", remember_prefixes=False))
    chunked = Engine(
        model, small_tokenizer, EngineConfig(weights="int8", max_sequences=2, max_batch_tokens=9)
    )
    drafting = Engine(model, small_tokenizer, EngineConfig(weights="int8", num_draft_tokens=4))
    others = [SampleRequest(prompt[: 5 + i], params) for i in range(3)]
    for sample in (
        whole.sample([request])[0],
        whole.sample([request, *others])[0],
        chunked.sample([request])[0],
        chunked.sample([request])[0],  # its prefix is remembered
        drafting.sample([request])[0],
    ):
        assert sample.tokens == wanted.tokens
        assert sample.logprobs == pytest.approx(wanted.logprobs, abs=1e-5)


def test_a_format_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="weights must be one of fp32, int8, got 'int4'"):
        EngineConfig(weights="int4")  # type: ignore[arg-type]
