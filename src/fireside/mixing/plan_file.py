"""A mix file worked out: the plan, before anything but manifests is read; and the plan as a table."""

import os

from fireside.core.errors import ConfigError
from fireside.mixing.domain import read_size
from fireside.mixing.plan import Plan, make_plan
from fireside.mixing.schedule import read_mix_file

__all__ = ["plan_file", "plan_table"]

_HEADINGS = ("stage", "domain", "share", "sequences", "tokens", "epochs", "so far")


def plan_file(path: str | os.PathLike[str]) -> Plan:
    """The plan of a mix file over the domains that it names.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it says something that cannot be, or does not fit its domains.
        CheckpointError: a domain's folder holds no whole domain.
    """
    mix = read_mix_file(path)
    sizes = []
    for name, folder in mix.domains.items():
        size = read_size(folder)
        if size.name != name:
            raise ConfigError(f"{path} calls the domain in {folder} {name!r}, it is called {size.name!r}")
        sizes.append(size)
    return make_plan(mix.schedule, sizes)


def plan_table(plan: Plan) -> list[tuple[str, ...]]:
    """A heading and a row for each domain of each stage, as text: what a stage takes, and how often.

    >>> from fireside.mixing.domain_size import DomainSize
    >>> from fireside.mixing.schedule import Schedule
    >>> from fireside.mixing.stage import Stage
    >>> stages = (Stage(name="all", shares={"web": 0.75, "books": 0.25}),)
    >>> schedule = Schedule(tokens=80_000, sequence_length=10, stages=stages)
    >>> sizes = [DomainSize(name="web", num_tokens=10**6), DomainSize(name="books", num_tokens=10_001)]
    >>> for row in plan_table(make_plan(schedule, sizes)):
    ...     print(" | ".join(row))
    stage | domain | share | sequences | tokens | epochs | so far
    all | web | 75.00 % | 6,000 | 60,000 | 0.06 | 0.06
    all | books | 25.00 % | 2,000 | 20,000 | 2.00 | 2.00
    """
    return [
        _HEADINGS,
        *(
            (
                row.stage,
                row.domain,
                f"{100 * row.share:.2f} %",
                f"{row.sequences:,}",
                f"{row.tokens:,}",
                f"{row.epochs:.2f}",
                f"{row.epochs_so_far:.2f}",
            )
            for row in plan.rows()
        ),
    ]
