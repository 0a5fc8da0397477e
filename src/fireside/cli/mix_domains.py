"""`fireside mix domains`: texts, cleaned and sorted into domains."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["domains"]


def domains(
    source: Annotated[Path, typer.Argument(help="Text: a folder, JSON Lines, Parquet, CSV, MDS.")],
    out: Annotated[Path, typer.Option(help="The directory to write, one file for each domain.")],
    label: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH: a domain and examples of it; give two or more.")
    ] = None,
    clusters: Annotated[
        int | None, typer.Option(min=1, help="How many domains, where there are no examples.")
    ] = None,
    good: Annotated[Path | None, typer.Option(help="Examples of texts worth training on.")] = None,
    other: Annotated[Path | None, typer.Option(help="Examples of other texts.")] = None,
    min_quality: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The least probability that a text is good.")
    ] = 0.5,
    similarity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="From where on texts are near-duplicates; 0 keeps them.")
    ] = 0.8,
    column: Annotated[str, typer.Option(help="The column that holds text.")] = "text",
    seed: Annotated[int, typer.Option(min=0, help="All randomness comes from this.")] = 17,
) -> None:
    """Drop duplicates and poor texts, and sort the others into domains: by examples, or into clusters."""
    from rich.console import Console
    from rich.table import Table

    from fireside.recipes.make_domains import DomainsConfig, make_domains

    settings = DomainsConfig(
        column=column,
        similarity=similarity or None,
        min_quality=min_quality,
        num_clusters=clusters,
        seed=seed,
    )
    summary = make_domains(source, out, settings, good=good, other=other, labelled=examples_of(label or []))
    table = Table(title=f"{summary.num_read:,} texts read")
    for heading, justify in (("", "left"), ("texts", "right"), ("characters", "right"), ("about", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for dropped, count in (
        ("without words", summary.num_without_words),
        ("exact duplicates", summary.num_exact_duplicates),
        ("near-duplicates", summary.num_near_duplicates),
        ("below quality", summary.num_below_quality),
    ):
        table.add_row(f"dropped: {dropped}", f"{count:,}", style="dim")
    for domain in summary.domains:
        about = ", ".join(domain.terms)
        table.add_row(str(out / domain.file), f"{domain.num_texts:,}", f"{domain.num_characters:,}", about)
    Console().print(table)


def examples_of(labels: list[str]) -> dict[str, str] | None:
    """Domains and the paths of their examples; `None` where there are none.

    Raises:
        ConfigError: something that is no NAME=PATH, or a name that was given twice.

    >>> examples_of(["law=texts/law", "sea=texts/sea"])
    {'law': 'texts/law', 'sea': 'texts/sea'}
    """
    from fireside.core.errors import ConfigError

    examples: dict[str, str] = {}
    for label in labels:
        name, equals, path = label.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"--label takes NAME=PATH, such as law=texts/law, got {label!r}")
        if name in examples:
            raise ConfigError(f"--label {name} is given twice: put its examples into one folder")
        examples[name] = path
    return examples or None
