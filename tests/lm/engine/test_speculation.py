"""Guessing tokens changes how many steps an answer takes, and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.core.protocols import Sample, SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.ngram_draft import draft_tokens
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
VOCAB, WINDOW = 273, 7


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(["a fire by the sea, a fire by the shore"], vocab_size=VOCAB)


def repeating_model(tiny: TinyConfig, preset: str) -> Transformer:
    """A model that often says again what it has said before; it rarely ends by itself."""
    config = tiny(
        str(LayerMap.preset(preset, 12, WINDOW)),
        vocab_size=VOCAB,
        window=WINDOW,
        rope_theta=300.0,
        rope_theta_sliding=100.0,
        tie_embeddings=False,
    )
    model = Transformer(config, seed=11)
    with torch.no_grad():
        # Towards a rule that depends on the last token alone: such a model runs in circles.
        model.embed_tokens.weight.mul_(12.0)
        model.lm_head.weight[0] = 0.0
    return model


def prompt(length: int = 23, seed: int = 0) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(1, 9, (length,), generator=generator).tolist())


def assert_same(found: Sample, wanted: Sample) -> None:
    assert found.tokens == wanted.tokens
    assert found.logprobs == pytest.approx(wanted.logprobs, rel=1e-5, abs=1e-5)
    assert (found.text, found.stop_reason) == (wanted.text, wanted.stop_reason)


@pytest.mark.parametrize("preset", PRESETS)
def test_guesses_change_nothing_whatever_the_layer_map(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str
) -> None:
    model = repeating_model(tiny, preset)
    plain = Engine(model, tokenizer, EngineConfig(remember_prefixes=False))
    guessing = Engine(
        model, tokenizer, EngineConfig(max_sequences=3, max_batch_tokens=17, num_draft_tokens=5)
    )
    requests = [
        SampleRequest(
            prompt(9 + 7 * i, seed=i), SamplingParams(max_tokens=60, temperature=(0.0, 1.2)[i % 2], seed=i)
        )
        for i in range(4)
    ]
    wanted = plain.sample(requests)
    for found, sample in zip(guessing.sample(requests), wanted, strict=True):
        assert_same(found, sample)
    load = guessing.load()
    assert 0 < load.num_accepted_tokens < load.num_drafted_tokens
    # What guesses left in the cache is what later turns find there.
    later = [
        SampleRequest((*one.prompt_tokens, *sample.tokens, *prompt(5, seed=9)), one.params)
        for one, sample in zip(requests, wanted, strict=True)
    ]
    for found, sample in zip(guessing.sample(later), plain.sample(later), strict=True):
        assert_same(found, sample)


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(max_tokens=60, temperature=0.1, seed=3),
        SamplingParams(max_tokens=60, temperature=0.5, top_k=5, top_p=0.9, min_p=0.02, seed=4),
        SamplingParams(max_tokens=60, temperature=0.0, frequency_penalty=0.02, repetition_penalty=1.01),
        SamplingParams(max_tokens=60, temperature=0.2, presence_penalty=0.1, logit_bias=((7, 0.5),), seed=5),
        SamplingParams(max_tokens=60, temperature=0.1, stop=("fi", "sea"), top_logprobs=2, seed=6),
    ],
)
def test_the_same_seed_draws_the_same_tokens(
    tiny: TinyConfig, tokenizer: Tokenizer, params: SamplingParams
) -> None:
    model = repeating_model(tiny, "ma-pairs")
    requests = [SampleRequest(prompt(20 + i, seed=i), params) for i in range(6)]
    plain = Engine(model, tokenizer)
    guessing = Engine(model, tokenizer, EngineConfig(num_draft_tokens=4))
    for found, wanted in zip(guessing.sample(requests), plain.sample(requests), strict=True):
        assert_same(found, wanted)
        assert len(found.top_logprobs) == len(wanted.top_logprobs)
    assert guessing.load().num_accepted_tokens > 0


def test_grammars_are_followed_through_guesses(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    pytest.importorskip("llguidance")
    model = repeating_model(tiny, "ma-offset")
    params = SamplingParams(
        max_tokens=50, temperature=1.0, seed=2, grammar='start: ("ab" | "abc"){12,40} "."'
    )
    requests = [SampleRequest(prompt(12, seed=i), params) for i in range(4)]
    guessing = Engine(model, tokenizer, EngineConfig(num_draft_tokens=4))
    for found, wanted in zip(
        guessing.sample(requests), Engine(model, tokenizer).sample(requests), strict=True
    ):
        assert_same(found, wanted)
    assert guessing.load().num_accepted_tokens > 0


def test_pieces_come_one_a_token_and_the_sample_last(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    guessing = Engine(repeating_model(tiny, "ma"), tokenizer, EngineConfig(num_draft_tokens=6))
    request = SampleRequest(prompt(), SamplingParams(max_tokens=60, temperature=0.0))
    with guessing.stream(request) as stream:
        pieces = list(stream)
        sample = stream.sample()
    assert guessing.load().num_accepted_tokens > 0
    assert tuple(piece.token for piece in pieces) == sample.tokens
    assert "".join(piece.text for piece in pieces) == sample.text


def test_a_text_that_repeats_takes_fewer_steps_than_tokens(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = repeating_model(tiny, "standard")
    with torch.no_grad():
        for layer in model.layers:  # what comes next depends on the last token alone
            layer.self_attn.o_proj.weight.zero_()
    guessing = Engine(model, tokenizer, EngineConfig(num_draft_tokens=7))
    length = 200
    sample = guessing.sample([SampleRequest((5,), SamplingParams(max_tokens=length, temperature=0.0))])[0]
    assert len(set(sample.tokens)) < 60  # a circle, found within its first round
    load = guessing.load()
    num_steps = len(sample.tokens) - load.num_accepted_tokens
    assert num_steps < length / 2


def reference_draft(tokens: list[int], count: int) -> tuple[int, ...]:
    for length in (4, 3, 2):
        for end in range(len(tokens) - 1, length - 1, -1):
            if tokens[end - length : end] == tokens[len(tokens) - length :]:
                grown = list(tokens)
                for step in range(count):
                    grown.append(grown[end + step])
                return tuple(grown[len(tokens) :])
    return ()


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(0, 8))
def test_a_guess_copies_on_from_the_latest_place_of_the_longest_ending(tokens: list[int], count: int) -> None:
    assert draft_tokens(np.array(tokens, np.int64), count) == reference_draft(tokens, count)


def test_fewer_than_no_guesses_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_draft_tokens"):
        EngineConfig(num_draft_tokens=-1)
