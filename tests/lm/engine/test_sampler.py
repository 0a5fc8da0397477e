import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.protocols import SamplingParams
from fireside.lm.engine.sampler import draw


def counts_of(logits_V: torch.Tensor, params: SamplingParams, draws: int = 4000) -> np.ndarray:
    """How often each token is drawn with evenly spread random numbers: exact to one draw."""
    uniforms = [(i + 0.5) / draws for i in range(draws)]
    tokens, _ = draw(logits_V.expand(draws, -1), [params] * draws, uniforms)
    return np.bincount(tokens, minlength=len(logits_V))


def test_greedy_takes_the_most_likely_token_and_its_logprob() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    tokens, logprobs = draw(logits, [SamplingParams(temperature=0)], [0.99])
    assert tokens == [1]
    assert logprobs[0] == pytest.approx(3 - math.log(math.e + math.e**3 + math.e**2))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_in_proportion_to_their_tempered_probabilities(temperature: float) -> None:
    logits = torch.tensor([0.0, 2.0, -1.0, 1.5])
    counts = counts_of(logits, SamplingParams(temperature=temperature))
    wanted = 4000 * (logits / temperature).softmax(0).numpy()
    assert np.abs(counts - wanted).max() <= 1


def test_top_p_keeps_the_smallest_sufficient_set() -> None:
    logits = torch.tensor([0.2, 0.5, 0.05, 0.25]).log()
    counts = counts_of(logits, SamplingParams(top_p=0.7))  # 0.5 is not enough, 0.5 + 0.25 is
    assert counts[[0, 2]].tolist() == [0, 0]
    assert counts[1] / counts[3] == pytest.approx(2, rel=0.01)


def test_top_p_keeps_its_share_of_a_flat_vocabulary() -> None:
    counts = counts_of(torch.zeros(1000), SamplingParams(top_p=0.5), draws=2000)
    assert (counts > 0).sum() == 500


@given(
    st.lists(st.floats(-30, 30), min_size=2, max_size=40),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.05, 5),
    st.floats(0.01, 1),
)
def test_a_row_is_drawn_alike_alone_and_in_company(
    logits: list[float], uniform: float, temperature: float, top_p: float
) -> None:
    row = torch.tensor([logits])
    mine = SamplingParams(temperature=temperature, top_p=top_p)
    alone = draw(row, [mine], [uniform])
    company = torch.cat((row.flip(1), row, torch.zeros_like(row)))
    others = [SamplingParams(temperature=0), mine, SamplingParams(top_p=0.3)]
    tokens, logprobs = draw(company, others, [0.1, uniform, 0.9])
    assert tokens[1] == alone[0][0]
    assert logprobs[1] == pytest.approx(alone[1][0], abs=1e-6)


def test_impossible_tokens_are_never_drawn_even_at_the_end_of_the_scale() -> None:
    logits = torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf]])
    for params in (SamplingParams(), SamplingParams(top_p=0.99)):
        tokens, _ = draw(logits, [params], [math.nextafter(1.0, 0.0)])
        assert tokens[0] in (0, 1)
