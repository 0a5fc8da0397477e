from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.agents.index.fusion import RANK_CONSTANT, fuse

_RANKING = st.lists(st.integers(0, 30), unique=True, max_size=20)


@settings(deadline=None)
@given(_RANKING, _RANKING, st.integers(1, 10))
def test_scores_are_the_sums_of_reciprocal_ranks(first: list[int], second: list[int], k: int) -> None:
    def score(item: int) -> float:
        return sum(
            1 / (RANK_CONSTANT + ranking.index(item) + 1) for ranking in (first, second) if item in ranking
        )

    wanted = sorted(set(first) | set(second), key=lambda item: (-score(item), item))[:k]
    assert [item for item, _ in fuse([first, second], k)] == wanted


@settings(deadline=None)
@given(_RANKING)
def test_two_equal_rankings_fuse_to_themselves(ranking: list[int]) -> None:
    assert [item for item, _ in fuse([ranking, ranking], 30)] == ranking
