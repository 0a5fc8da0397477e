import pytest

from fireside.compute.outcome import Outcome, outcome_of, settle
from fireside.compute.rabit import LostMemberError
from fireside.core import errors
from fireside.core.errors import CollectiveError, ConfigError, FiresideError, SchemaError


def raising(error: Exception) -> object:
    raise error


def test_the_cause_is_told_and_not_its_consequences() -> None:
    outcomes = [
        outcome_of(0, 3, "fit", lambda: raising(LostMemberError("rank 0 lost the others"))),
        outcome_of(2, 3, "fit", lambda: raising(LostMemberError("rank 2 lost the others"))),
        outcome_of(1, 3, "fit", lambda: raising(SchemaError("no column 'x'"))),
    ]
    with pytest.raises(SchemaError, match="no column 'x'") as caught:
        settle("fit", outcomes)
    assert any("On rank 1" in note and "Traceback" in note for note in caught.value.__notes__)


def test_of_several_causes_the_lowest_rank_s_is_told() -> None:
    outcomes = [
        outcome_of(rank, 3, "fit", lambda rank=rank: raising(ConfigError(f"rank {rank}"))) for rank in (2, 1)
    ]
    with pytest.raises(ConfigError, match="rank 1"):
        settle("fit", outcomes)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_of_the_tree_survives(name: str) -> None:
    kind = getattr(errors, name)
    with pytest.raises(kind, match="give at least 1") as caught:
        settle("fit", [outcome_of(0, 1, "fit", lambda: raising(kind("give at least 1")))])
    assert type(caught.value) is kind


def test_an_error_derived_elsewhere_arrives_as_its_nearest_known_kind() -> None:
    class VeryOwnError(SchemaError):
        pass

    with pytest.raises(SchemaError, match="own") as caught:
        settle("fit", [outcome_of(0, 1, "fit", lambda: raising(VeryOwnError("own")))])
    assert type(caught.value) is SchemaError


def test_ranks_that_lost_each_other_without_a_cause_are_told() -> None:
    lost = outcome_of(0, 2, "fit", lambda: raising(LostMemberError("rank 0 lost the others")))
    with pytest.raises(CollectiveError, match=r"fit: rank 0 lost the others$"):
        settle("fit", [lost])
    with pytest.raises(CollectiveError, match="rank 1 had already returned"):
        settle("fit", [lost, outcome_of(1, 2, "fit", lambda: {})])


def test_a_missing_report_is_told() -> None:
    with pytest.raises(CollectiveError, match="fit ended without a report of rank 0"):
        settle("fit", [outcome_of(1, 2, "fit", lambda: {})])
    with pytest.raises(CollectiveError, match="fit ended without a report"):
        settle("fit", [])


def test_only_rank_0_s_result_is_kept() -> None:
    outcomes = [outcome_of(rank, 2, "fit", lambda rank=rank: {"rank": rank}) for rank in (1, 0)]
    assert settle("fit", outcomes) == {"rank": 0}
    assert outcomes[0].result == b""


def test_an_unknown_kind_of_error_is_still_an_error() -> None:
    outcome = Outcome(
        rank=0, status="failed", world_size=1, error="NewerError", message="from a newer version"
    )
    with pytest.raises(FiresideError, match="from a newer version"):
        settle("fit", [outcome])
