from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.decode_attention import attend_next
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.rotary import Rotation, apply_rotary, rotation
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

HEADS, KV_HEADS, WIDTH = 6, 2, 16


def reference(heads_Xd: Tensor, table: Rotation, buffer: Tensor, length: int, *, owns: bool) -> Tensor:
    """torch's attention, on a buffer that is written as a ring."""
    if owns:
        slot = length % buffer.shape[1]
        buffer[:KV_HEADS, slot] = apply_rotary(heads_Xd[HEADS : HEADS + KV_HEADS], table)
        buffer[KV_HEADS:, slot] = heads_Xd[HEADS + KV_HEADS :]
    seen = min(length + 1, buffer.shape[1])
    q_1Hd = apply_rotary(heads_Xd[:HEADS], table)[:, None]
    out = F.scaled_dot_product_attention(
        q_1Hd[None], buffer[None, :KV_HEADS, :seen], buffer[None, KV_HEADS:, :seen], enable_gqa=True
    )
    return out.flatten()


@pytest.mark.parametrize("owns", [True, False])
def test_one_call_turns_stores_and_attends_as_torch_does(owns: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    lengths, slots = [0, 5, 130, 300, 9], [16, 16, 144, 304, 8]  # the last is a ring that has come round
    buffers = [torch.randn(2 * KV_HEADS, one, WIDTH, generator=generator) for one in slots]
    heads = torch.randn(len(slots), HEADS + 2 * KV_HEADS * owns, WIDTH, generator=generator)
    tables = rotation(torch.tensor(lengths), head_dim=WIDTH, theta=100.0)
    expected_buffers = [buffer.clone() for buffer in buffers]
    expected = torch.stack(
        [
            reference(
                heads[b], Rotation(tables.cos[b], tables.sin[b]), expected_buffers[b], length, owns=owns
            )
            for b, length in enumerate(lengths)
        ]
    )
    found = attend_next(
        heads.clone(),
        tables.cos,
        tables.sin,
        np.array([buffer.data_ptr() for buffer in buffers]),
        np.array(slots),
        np.array(lengths),
        num_heads=HEADS,
        num_kv_heads=KV_HEADS,
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)
    for buffer, wanted in zip(buffers, expected_buffers, strict=True):
        torch.testing.assert_close(buffer, wanted, rtol=1e-6, atol=1e-6)


def test_decoding_goes_on_alike_where_torch_takes_long_contexts_over(
    tiny: Callable[..., ModelConfig], small_tokenizer: Tokenizer
) -> None:
    config = tiny(
        "0_1s_1s_0",
        vocab_size=small_tokenizer.vocab_size,
        window=32,
        context_length=1200,
        tie_embeddings=False,
    )
    model = Transformer(config, seed=11)
    generator = torch.Generator().manual_seed(5)
    prompt = tuple(torch.randint(1, small_tokenizer.vocab_size, (1018,), generator=generator).tolist())
    short = tuple(torch.randint(1, small_tokenizer.vocab_size, (30,), generator=generator).tolist())
    params = SamplingParams(max_tokens=12, temperature=0)
    engine = Engine(model, small_tokenizer, EngineConfig(remember_prefixes=False))
    requests = [SampleRequest(prompt, params), SampleRequest(short, params)]
    for request, sample in zip(requests, engine.sample(requests), strict=True):
        tokens = torch.tensor([[*request.prompt_tokens, *sample.tokens]])
        with torch.no_grad():
            logits_TV = model.logits(model(tokens))[0, len(request.prompt_tokens) - 1 : -1]
        assert sample.tokens == tuple(logits_TV.argmax(-1).tolist())
        wanted = logits_TV.log_softmax(-1).max(-1).values
        assert sample.logprobs == pytest.approx(wanted.tolist(), abs=1e-5)
