"""`Schedule`: the stages of a run, and the small TOML file they are written in.

    tokens = 20_000_000
    sequence_length = 256
    seed = 17

    [domains]                      # folders, relative to this file
    web = "domains/web"
    books = "domains/books"

    [[stages]]
    name = "base"
    shares = { web = 0.9, books = 0.1 }

    [[stages]]
    name = "upsampled"
    start = 0.8
    shares = { web = 1.0 }
    epochs = { books = 2 }

Knows nothing about the domains' contents.
"""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fireside.core.config import config, from_dict
from fireside.core.errors import ConfigError
from fireside.core.toml_file import read_toml
from fireside.mixing.stage import Stage

__all__ = ["MixFile", "Schedule", "check_domain_names", "read_mix_file"]


@config
class Schedule:
    """All stages of a run.

    Attributes:
        tokens: length of the run; rounded down to whole sequences.
        sequence_length: T, the predicted tokens of one sequence.
        stages: in order; the first starts at 0.
        seed: of every domain's permutation.
        max_epochs: how often a domain may be read in the whole run; `inf` lifts the cap. About four epochs
            are nearly as good as fresh data (Muennighoff et al., arXiv 2305.16264).
        max_epochs_of: domain -> another cap for that domain alone.

    Raises:
        ConfigError: no stages, stages out of order, or a start past the end.

    >>> stages = (Stage(name="all", shares={"web": 1.0}),)
    >>> Schedule(tokens=1000, sequence_length=100, stages=stages).num_sequences
    10
    """

    tokens: int
    sequence_length: int
    stages: tuple[Stage, ...]
    seed: int = 0
    max_epochs: float = 4.0
    max_epochs_of: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sequence_length < 1:
            raise ConfigError(f"sequence_length must be at least 1, got {self.sequence_length}")
        if self.num_sequences < 1:
            raise ConfigError(
                f"a run of {self.tokens} tokens has no sequence of {self.sequence_length}: give more tokens"
            )
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"seed must be from 0 to 2^64 - 1, got {self.seed}")
        for domain, cap in {"every domain": self.max_epochs, **self.max_epochs_of}.items():
            if not cap > 0:
                raise ConfigError(f"max_epochs of {domain} must be above 0, got {cap}")
        self._check_stages()

    @property
    def num_sequences(self) -> int:
        """How many whole sequences the run has."""
        return self.tokens // self.sequence_length

    @property
    def starts(self) -> tuple[int, ...]:
        """The sequence with which each stage begins; a start inside a sequence waits for the next."""
        return tuple(self.sequence_at(stage.start) for stage in self.stages)

    def sequence_at(self, start: int | float) -> int:
        """The first sequence at or after a start, given in tokens (whole) or as a fraction of the run."""
        if isinstance(start, int):
            return -(-start // self.sequence_length)
        # Rounding first: 0.1 * 30 must not become sequence 4.
        return round(start * self.num_sequences)

    def cap(self, domain: str) -> float:
        """How many epochs of a domain the run may read."""
        return self.max_epochs_of.get(domain, self.max_epochs)

    def _check_stages(self) -> None:
        if not self.stages:
            raise ConfigError("a schedule needs at least one stage")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ConfigError(f"two stages have one name: {', '.join(names)}")
        if self.starts[0] != 0:
            raise ConfigError(f"the first stage, {names[0]!r}, must start at 0, not {self.stages[0].start}")
        ends = [*self.starts[1:], self.num_sequences]
        for name, start, end in zip(names, self.starts, ends, strict=True):
            if start >= end:
                raise ConfigError(
                    f"stage {name!r} has no sequence: it starts at sequence {start}, and sequence {end} is "
                    f"already past it (the run has {self.num_sequences} of {self.sequence_length} tokens)"
                )
        known = {domain for stage in self.stages for domain in stage.domains}
        check_domain_names("max_epochs_of", self.max_epochs_of, known)


@dataclass(frozen=True, slots=True)
class MixFile:
    """A schedule, and where its domains lie."""

    schedule: Schedule
    domains: dict[str, Path]


def read_mix_file(path: str | os.PathLike[str]) -> MixFile:
    """Read a mix file; the domains' folders are taken relative to it.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is not TOML; an unknown setting, for which the nearest known one is suggested; a stage
            that names a domain without a folder.
    """
    return read_toml(path, "mix file", _mix_file)


def _mix_file(table: dict[str, Any], directory: Path) -> MixFile:
    folders = _folders(table.pop("domains", {}), directory)
    stages = table.get("stages", [])
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise ConfigError("stages are written as [[stages]] tables")
    table["stages"] = tuple(from_dict(Stage, stage) for stage in stages)
    schedule = _schedule(table)
    for stage in schedule.stages:
        check_domain_names(f"stage {stage.name!r}", stage.domains, folders)
    return MixFile(schedule=schedule, domains=folders)


def check_domain_names(where: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a domain that nobody knows, and suggest the nearest.

    Raises:
        ConfigError: such a name.

    >>> check_domain_names("the stage", ["bocks"], ["books", "web"])
    Traceback (most recent call last):
    fireside.core.errors.ConfigError: the stage names the domain 'bocks'; did you mean 'books'? ...
    """
    known = sorted(known)
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConfigError(f"{where} names the domain {name!r}{hint} Known: {', '.join(known) or 'none'}")


def _schedule(table: dict[str, Any]) -> Schedule:
    required = {"tokens", "sequence_length"} - table.keys()
    if required:
        raise ConfigError(f"a mix file needs {' and '.join(sorted(required))}")
    return from_dict(Schedule, table)


def _folders(domains: object, directory: Path) -> dict[str, Path]:
    if not isinstance(domains, dict) or not all(isinstance(folder, str) for folder in domains.values()):
        raise ConfigError('[domains] gives each domain a folder: web = "domains/web"')
    return {name: directory / folder for name, folder in domains.items()}
