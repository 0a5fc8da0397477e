import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.protocols import SamplingParams
from fireside.lm.engine.logit_changes import BoolArray, change_logits, has_penalties
from fireside.lm.engine.token_counts import TokenCounts

VOCAB = 9
tokens = st.lists(st.integers(0, VOCAB - 1), max_size=12)
rows = st.lists(
    st.tuples(
        st.lists(st.floats(-9, 9, width=32), min_size=VOCAB, max_size=VOCAB),
        tokens.filter(bool),
        tokens,
        st.sampled_from([1.0, 0.7, 1.9]),
        st.sampled_from([0.0, -1.5, 0.4]),
        st.sampled_from([0.0, 0.25, -2.0]),
        st.lists(st.tuples(st.integers(0, VOCAB - 1), st.floats(-100, 100, width=32)), max_size=3),
        st.one_of(st.none(), st.lists(st.booleans(), min_size=VOCAB, max_size=VOCAB)),
    ),
    min_size=1,
    max_size=5,
)


def by_the_definition(
    logits: list[float], prompt: list[int], answer: list[int], params: SamplingParams, mask: BoolArray | None
) -> list[float]:
    """One token after another, as the definitions say."""
    changed = [value if mask is None or mask[token] else -np.inf for token, value in enumerate(logits)]
    for token, bias in params.logit_bias:
        changed[token] += bias
    for token in {*prompt, *answer}:
        value = changed[token]
        value = value / params.repetition_penalty if value > 0 else value * params.repetition_penalty
        value -= params.frequency_penalty * answer.count(token)
        changed[token] = value - (params.presence_penalty if token in answer else 0)
    return changed


@given(rows)
def test_rows_of_every_kind_change_as_the_definitions_say(drawn: list[tuple]) -> None:  # type: ignore[type-arg]
    params, counts, masks, wanted = [], [], [], []
    for logits, prompt, answer, repetition, presence, frequency, biases, allowed in drawn:
        one = SamplingParams(
            repetition_penalty=repetition,
            presence_penalty=presence,
            frequency_penalty=frequency,
            logit_bias=tuple(biases),
        )
        count = TokenCounts(np.array(prompt), len(answer))
        for token in answer:
            count.add(token)
        params.append(one)
        counts.append(count if has_penalties(one) else None)
        masks.append(None if allowed is None else np.array(allowed))
        wanted.append(by_the_definition(logits, prompt, answer, one, masks[-1]))
    logits_BV = torch.tensor([row[0] for row in drawn])
    before = logits_BV.clone()
    found = change_logits(logits_BV, params, counts, masks)
    assert torch.equal(logits_BV, before)
    np.testing.assert_allclose(found.numpy(), np.array(wanted), rtol=1e-5, atol=1e-4)


def test_rows_that_ask_for_nothing_are_not_copied() -> None:
    logits = torch.zeros(2, 3)
    assert change_logits(logits, [SamplingParams()] * 2, [None] * 2, [None] * 2) is logits


def test_a_forbidden_token_stays_forbidden_whatever_its_bias() -> None:
    params = SamplingParams(logit_bias=((1, 100.0),), repetition_penalty=0.5, presence_penalty=-50)
    counts = TokenCounts(np.array([1]), 1)
    counts.add(1)
    found = change_logits(torch.zeros(1, 2), [params], [counts], [np.array([True, False])])
    assert found[0, 1] == -torch.inf


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (SamplingParams(), False),
        (SamplingParams(logit_bias=((1, 1.0),), top_k=3), False),
        (SamplingParams(presence_penalty=0.1), True),
        (SamplingParams(repetition_penalty=1.1), True),
        (SamplingParams(frequency_penalty=-0.1), True),
    ],
)
def test_tokens_are_counted_only_for_penalties(params: SamplingParams, wanted: bool) -> None:
    assert has_penalties(params) is wanted
