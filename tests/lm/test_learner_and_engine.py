"""What the engine reports of a sample is what the learner computes from its tokens."""

import numpy as np
import pytest

from fireside.core.protocols import SampleRequest, SamplingParams, TrainingSequence
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.learner import LearnerConfig, PolicyLearner
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TEXTS = ["a fire by the sea", "the sea by a fire, the fire by a lake"]


@pytest.mark.parametrize("num_trainable_layers", [None, 2])
@pytest.mark.parametrize("layer_map", ["0_1_2_3_4_5", "0s_0s_2_3s_3s_2"])
def test_logprobs_agree_before_and_after_updates(layer_map, num_trainable_layers):
    tokenizer = Tokenizer.train_bpe(TEXTS, vocab_size=270)
    shape = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        layer_map=layer_map,
        window=6,
        context_length=128,
        initializer_range=0.2,
    )
    model = Transformer(shape, seed=0)
    engine = Engine(model, tokenizer)
    config = LearnerConfig(learning_rate=3e-3, num_trainable_layers=num_trainable_layers)
    learner = PolicyLearner(model, config)
    prompts = [tuple(tokenizer.encode(text)) for text in [*TEXTS, "the lake", "a"]]
    sums = []
    for version in range(3):
        requests = [
            SampleRequest(prompt, SamplingParams(max_tokens=30, temperature=0.8, seed=seed))
            for seed, prompt in enumerate(prompts)
        ]
        samples = engine.sample(requests)
        sequences = [
            TrainingSequence(prompt + sample.tokens, (False,) * len(prompt) + (True,) * len(sample.tokens))
            for prompt, sample in zip(prompts, samples, strict=True)
        ]
        reported_N = np.array([sum(sample.logprobs) for sample in samples])
        np.testing.assert_allclose(learner.logprobs(sequences), reported_N, rtol=1e-5, atol=1e-4)
        assert {sample.version for sample in samples} == {version}
        sums.append(reported_N)
        learner.update(sequences, lambda logprobs_N: (-logprobs_N.sum(), -np.ones(len(logprobs_N))))
        engine.weights_changed(learner.version)
    assert not np.allclose(sums[0], sums[1], rtol=1e-2)
