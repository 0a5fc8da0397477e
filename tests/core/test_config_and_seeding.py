"""Configurations refuse what they do not know; random streams do not disturb one another."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fireside.core.errors as errors
from fireside.core.config import config, from_dict, to_dict
from fireside.core.errors import ConfigError, FiresideError
from fireside.core.seeding import RandomStreams


@config
class Inner:
    size: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"size must be at least 1, got {self.size}")


@config
class Outer:
    inner: Inner = Inner()
    rate: float = 0.5
    names: tuple[str, ...] = ()


def test_a_configuration_survives_the_way_to_a_dictionary_and_back() -> None:
    outer = Outer(inner=Inner(size=3), names=("a", "b"))
    assert from_dict(Outer, to_dict(outer)) == outer


def test_a_misspelt_setting_is_refused_at_any_depth() -> None:
    with pytest.raises(ConfigError, match="Inner has no setting 'sizes'; did you mean 'size'"):
        from_dict(Outer, {"inner": {"sizes": 2}})


def test_a_wrong_type_and_a_wrong_value_are_named() -> None:
    with pytest.raises(ConfigError, match=r"Expected `int`, got `str`.*inner.size"):
        from_dict(Outer, {"inner": {"size": "2"}})
    with pytest.raises(ConfigError, match="size must be at least 1, got 0"):
        from_dict(Outer, {"inner": {"size": 0}})


def test_every_error_is_picklable_and_also_a_standard_type() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, FiresideError) for kind in kinds)
    for kind in kinds:
        again = pickle.loads(pickle.dumps(kind("what was given: what to do")))
        assert type(again) is kind
        assert str(again) == "what was given: what to do"
        if kind is not FiresideError:
            assert len([base for base in kind.__mro__ if base.__module__ == "builtins"]) > 3


@given(st.integers(0, 2**64 - 1), st.text(max_size=20), st.integers(0, 2**31))
def test_a_stream_is_a_pure_function_of_seed_name_and_index(seed: int, name: str, index: int) -> None:
    first = RandomStreams(seed).generator(name, index).integers(2**63, size=4)
    again = RandomStreams(seed).generator(name, index).integers(2**63, size=4)
    other = RandomStreams(seed).generator(name, index + 1).integers(2**63, size=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_names_and_indices_cannot_be_confused() -> None:
    streams = RandomStreams(0)
    assert streams.integer("a1", 2) != streams.integer("a", 12)
    assert streams.integer("a", 1, 2) != streams.integer("a", 12)
    assert streams.child("a").integer("b") != streams.integer("b")


def test_a_seed_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="seed must be"):
        RandomStreams(-1)
