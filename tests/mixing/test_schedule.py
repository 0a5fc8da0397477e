"""Schedules, and the file they are written in."""

from pathlib import Path
from typing import Any

import pytest

from fireside.core.errors import ConfigError, InputError
from fireside.mixing.schedule import MixFile, Schedule, read_mix_file
from fireside.mixing.stage import Stage

MIX = """
tokens = 20_000
sequence_length = 100
seed = 17
max_epochs = 2

[max_epochs_of]
books = 8

[domains]
web = "domains/web"
books = "/data/books"

[[stages]]
name = "base"
shares = { web = 0.9, books = 0.1 }

[[stages]]
name = "ramp"
start = 10_050
shares = { web = 0.9, books = 0.1 }
end_shares = { web = 0.5, books = 0.5 }

[[stages]]
name = "last"
start = 0.9
shares.web = 1.0
epochs.books = 2
"""


def schedule(*starts: float, **settings: Any) -> Schedule:
    stages = tuple(
        Stage(name=f"stage {n}", start=start, shares={"web": 1.0}) for n, start in enumerate(starts)
    )
    return Schedule(**{"tokens": 1000, "sequence_length": 10, "stages": stages, **settings})


def written(directory: Path, text: str = MIX) -> MixFile:
    """What is read from a file with such a text."""
    (directory / "mix.toml").write_text(text)
    return read_mix_file(directory / "mix.toml")


def test_a_mix_file_says_everything_and_folders_are_relative_to_it(tmp_path: Path) -> None:
    mix = written(tmp_path)
    assert mix.domains == {"web": tmp_path / "domains/web", "books": Path("/data/books")}
    assert mix.schedule == Schedule(
        tokens=20_000,
        sequence_length=100,
        seed=17,
        max_epochs=2.0,
        max_epochs_of={"books": 8.0},
        stages=(
            Stage(name="base", shares={"web": 0.9, "books": 0.1}),
            Stage(
                name="ramp",
                start=10_050,
                shares={"web": 0.9, "books": 0.1},
                end_shares={"web": 0.5, "books": 0.5},
            ),
            Stage(name="last", start=0.9, shares={"web": 1.0}, epochs={"books": 2.0}),
        ),
    )


def test_starts_are_sequences_by_tokens_rounded_up_or_by_fraction(tmp_path: Path) -> None:
    # Token 10,050 lies inside sequence 100; the stage waits for sequence 101.
    assert written(tmp_path).schedule.starts == (0, 101, 180)


def test_a_fraction_does_not_slip_by_rounding() -> None:
    for tenth in range(1, 10):
        assert schedule(0, tenth / 10, tokens=300).starts[1] == 3 * tenth


def test_a_cap_of_its_own_goes_before_the_common_one(tmp_path: Path) -> None:
    plan = written(tmp_path).schedule
    assert (plan.cap("web"), plan.cap("books")) == (2.0, 8.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 17", "sede = 17", "no setting 'sede'; did you mean 'seed'"),
        ("shares.web = 1.0", "shres.web = 1.0", "no setting 'shres'; did you mean 'shares'"),
        ("epochs.books", "epochs.bokos", "stage 'last' names the domain 'bokos'; did you mean 'books'"),
        ("books = 8", "bools = 8", "max_epochs_of names the domain 'bools'; did you mean 'books'"),
        ("tokens = 20_000", "", "needs tokens"),
        ("tokens = 20_000", 'tokens = "many"', "Expected `int`, got `str`"),
        ("start = 0.9", "start = 0.3", "stage 'ramp' has no sequence: it starts at sequence 101"),
        ("[[stages]]", "[stages", "is not TOML"),
        ('web = "domains/web"', "web = 3", "gives each domain a folder"),
    ],
)
def test_a_mistake_in_a_mix_file_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MIX
    with pytest.raises(ConfigError, match=message):
        written(tmp_path, MIX.replace(old, new, 1) if old != "[[stages]]" else MIX.replace(old, new))


def test_stages_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"written as \[\[stages\]\]"):
        written(tmp_path, "tokens = 1\nsequence_length = 1\nstages = 3")


def test_the_file_is_named_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "mix.toml"
    with pytest.raises(InputError, match=r"mix.toml"):
        read_mix_file(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"mix.toml"):
        read_mix_file(path)
    path.write_text("tokens = ")
    with pytest.raises(ConfigError, match=r"mix.toml is not TOML"):
        read_mix_file(path)


@pytest.mark.parametrize(
    ("starts", "settings", "message"),
    [
        ((0, 0.5, 0.5), {}, "'stage 1' has no sequence"),
        ((0, 0.5, 0.4), {}, "'stage 1' has no sequence"),
        ((0, 1000), {}, "'stage 1' has no sequence: it starts at sequence 100"),
        ((0.1,), {}, "the first stage, 'stage 0', must start at 0"),
        ((), {}, "needs at least one stage"),
        ((0,), {"tokens": 9}, "9 tokens has no sequence of 10"),
        ((0,), {"sequence_length": 0}, "sequence_length must be at least 1"),
        ((0,), {"max_epochs": 0.0}, "max_epochs of every domain must be above 0"),
        ((0,), {"max_epochs_of": {"web": float("nan")}}, "max_epochs of web must be above 0"),
        ((0,), {"seed": -1}, "seed must be from 0"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    starts: tuple[float, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        schedule(*starts, **settings)


def test_two_stages_of_one_name_are_refused() -> None:
    stage = Stage(name="twin", shares={"web": 1.0})
    with pytest.raises(ConfigError, match="two stages have one name: twin, twin"):
        Schedule(tokens=100, sequence_length=10, stages=(stage, stage))
