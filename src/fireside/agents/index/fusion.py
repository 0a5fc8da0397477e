"""Reciprocal rank fusion: one ranking from several whose scores cannot be compared.

score(d) = sum over rankings of 1 / (60 + rank of d), ranks from 1 (Cormack, Clarke and Büttcher 2009).
"""

from collections.abc import Sequence

__all__ = ["RANK_CONSTANT", "fuse"]

RANK_CONSTANT = 60


def fuse(rankings: Sequence[Sequence[int]], k: int) -> list[tuple[int, float]]:
    """The best `k` of all that are ranked, with their scores; the lower number first where scores are equal.

    >>> fuse([[7, 8, 9], [9, 7]], 2)
    [(7, 0.03252...), (9, 0.03226...)]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]
