"""Packing: which tokens and documents a sequence holds follows from its number."""

import json
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.packing import pack, segments_of


def build(path: Path, documents: list[list[int]], *, shard_tokens: int = 1000) -> Domain:
    texts = [json.dumps(document) for document in documents]
    return build_domain(path, texts, json.loads, BuildSettings(vocab_size=1000, shard_tokens=shard_tokens))


def test_sequences_predict_every_token_but_the_first_once(tmp_path: Path) -> None:
    domain = build(tmp_path / "d", [list(range(31))])
    batch = pack([domain], np.zeros(3, np.int32), np.arange(3), sequence_length=10, mask_documents=False)
    assert batch.inputs_BT.ravel().tolist() == list(range(30))
    assert batch.targets_BT.ravel().tolist() == list(range(1, 31))
    assert np.all(batch.weights_BT == 1)
    assert batch.segments_BT is None


def test_documents_are_told_apart_and_not_asked_to_predict_each_other(tmp_path: Path) -> None:
    # Documents of 4, 3 and 5 tokens; sequences of 5 predicted tokens.
    domain = build(tmp_path / "d", [[1, 1, 1, 1], [2, 2, 2], [3, 3, 3, 3, 3]])
    batch = pack([domain], np.zeros(2, np.int32), np.arange(2), sequence_length=5, mask_documents=True)
    assert batch.inputs_BT.tolist() == [[1, 1, 1, 1, 2], [2, 2, 3, 3, 3]]
    assert batch.targets_BT.tolist() == [[1, 1, 1, 2, 2], [2, 3, 3, 3, 3]]
    assert batch.segments_BT is not None
    assert batch.segments_BT.tolist() == [[0, 0, 0, 0, 1], [0, 0, 1, 1, 1]]
    assert batch.weights_BT.tolist() == [[1, 1, 1, 0, 1], [1, 0, 1, 1, 1]]


def test_rows_come_from_the_domains_they_name(tmp_path: Path) -> None:
    domains = [build(tmp_path / name, [[token] * 50]) for name, token in (("a", 1), ("b", 2))]
    batch = pack(
        domains, np.array([1, 0, 1], np.int32), np.array([0, 3, 2]), sequence_length=8, mask_documents=True
    )
    assert batch.inputs_BT[:, 0].tolist() == [2, 1, 2]
    assert batch.domains_B is not None
    assert batch.domains_B.tolist() == [1, 0, 1]


def test_numbers_of_documents_grow_where_they_start() -> None:
    assert segments_of(np.array([], np.int64), 3).tolist() == [0, 0, 0]
    assert segments_of(np.array([1, 1, 2]), 4).tolist() == [0, 1, 2, 2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=20).filter(lambda lengths: sum(lengths) > 5),
    st.integers(1, 5),
    st.sampled_from([3, 1000]),
)
def test_segments_agree_with_documents_at_every_position(
    tmp_path_factory: object, lengths: list[int], sequence_length: int, shard_tokens: int
) -> None:
    path = tmp_path_factory.mktemp("packing")  # type: ignore[attr-defined]
    # Every token is the number of its document.
    documents = [[number] * length for number, length in enumerate(lengths)]
    domain = build(path / "d", documents, shard_tokens=shard_tokens)
    count = (domain.num_tokens - 1) // sequence_length
    batch = pack(
        [domain],
        np.zeros(count, np.int32),
        np.arange(count),
        sequence_length=sequence_length,
        mask_documents=True,
    )
    assert batch.segments_BT is not None
    same_document = batch.inputs_BT == batch.targets_BT
    assert np.array_equal(batch.weights_BT == 1, same_document)
    for inputs, segments in zip(batch.inputs_BT.tolist(), batch.segments_BT.tolist(), strict=True):
        changes = [int(a != b) for a, b in pairwise(inputs)]
        assert segments == [0, *accumulate(changes)]
