import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from fireside.core.protocols import SamplingParams
from fireside.lm.engine.sampler import draw, top_logprobs


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


def kept_by_the_definition(probs: np.ndarray, params: SamplingParams) -> list[int]:
    """The tokens that truncation leaves, likeliest first, step by step as the definitions say."""
    order = sorted(range(len(probs)), key=lambda token: (-probs[token], token))[: params.top_k]
    mass = sum(probs[token] for token in order)
    kept, before = [], 0.0
    for token in order:
        if before < params.top_p * mass:
            kept.append(token)
        before += probs[token]
    return [token for token in kept if probs[token] >= params.min_p * probs[order[0]]]


@given(
    st.lists(st.integers(-40, 40), min_size=2, max_size=40),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.3, 1.0, 2.5]),
    st.one_of(st.none(), st.integers(1, 50)),
    st.sampled_from([0.05, 0.37, 0.83, 1.0]),
    st.sampled_from([0.0, 0.03, 0.6, 1.0]),
)
def test_every_draw_is_the_one_that_the_definition_gives(
    tenths: list[int], uniform: float, temperature: float, top_k: int | None, top_p: float, min_p: float
) -> None:
    logits = np.array(tenths, np.float32) / 10
    params = SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    probs = torch.from_numpy(logits / np.float32(temperature)).softmax(0).numpy().astype(np.float64)
    kept = kept_by_the_definition(probs, params)
    by_id = top_k is None and top_p == 1 and min_p == 0
    kept = sorted(kept) if by_id else kept
    cumulative = np.cumsum(probs[kept])
    place = uniform * cumulative[-1]
    assume(np.abs(cumulative - place).min() > 1e-6)  # either neighbour may be right at a border
    # A cut exactly at top_p or min_p is decided by the last bit.
    sums = np.cumsum(np.sort(probs)[::-1][:top_k])
    assume(np.abs(sums / sums[-1] - top_p)[:-1].min(initial=1.0) > 1e-6)
    assume(np.abs(probs / probs.max() - min_p)[probs < probs.max()].min(initial=1.0) > 1e-6)
    tokens, logprobs = draw(torch.from_numpy(logits)[None], [params], [uniform])
    assert tokens == [kept[int(np.searchsorted(cumulative, place, side="right"))]]
    assert logprobs[0] == pytest.approx(logits[tokens[0]] - np.log(np.exp(logits).sum()), abs=1e-5)


def test_top_k_with_equals_at_its_border_takes_the_lower_ids() -> None:
    counts = counts_of(torch.tensor([1.0, 2.0, 1.0, 1.0]), SamplingParams(top_k=2))
    assert (counts > 0).tolist() == [True, True, False, False]


def test_a_temperature_near_zero_is_greedy_and_finite() -> None:
    logits = torch.tensor([[5.0, -80.0, 90.0]])
    assert draw(logits, [SamplingParams(temperature=1e-300)], [0.999])[0] == [2]


def test_the_likeliest_tokens_come_with_the_log_probabilities_of_the_untempered_model() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [0.0, 0.0, 9.0]])
    found = top_logprobs(logits, [SamplingParams(temperature=0.1, top_logprobs=2), SamplingParams()])
    wanted = logits[0].log_softmax(0).tolist()
    assert found[1] == ()
    assert [token for token, _ in found[0]] == [1, 2]
    assert [logprob for _, logprob in found[0]] == pytest.approx([wanted[1], wanted[2]])
