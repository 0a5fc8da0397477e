"""A description of stages as lines of text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fireside.core.printable import printable
from fireside.ml.base import PipelineStage, Transformer
from fireside.ml.serving.description import StageDescription
from fireside.ml.serving.stage_columns import accepted_kinds, columns_of

__all__ = ["description_lines"]

_SHOWN = 60


def description_lines(
    stage: PipelineStage, stages: Sequence[StageDescription], *, defaults: bool
) -> Iterator[str]:
    """Lines for people; of what a model brings, only what can be printed reaches a terminal.

    Args:
        stage: what was loaded.
        stages: `describe(stage)`.
        defaults: whether to list params that have their default.

    >>> from fireside.ml.feature import NGram
    >>> from fireside.ml.serving.description import describe
    >>> pairs = NGram(inputCol="words", outputCol="pairs")._resetUid("NGram_1")
    >>> print("\\n".join(description_lines(pairs, describe(pairs), defaults=True)))
    NGram NGram_1, 1 stage
    reads: words (list of strings)
    final columns: pairs
    <BLANKLINE>
    1. NGram NGram_1
       words -> pairs
       set: inputCol='words', outputCol='pairs'
       default: n=2
    """
    for line in _lines(stage, stages, defaults=defaults):
        yield printable(line)


def _lines(stage: PipelineStage, stages: Sequence[StageDescription], *, defaults: bool) -> Iterator[str]:
    many = f"{len(stages)} stage{'s' * (len(stages) != 1)}"
    sizes = [one.num_bytes for one in stages if one.num_bytes is not None]
    total = f", {sum(sizes):,} bytes" if sizes else ""
    yield f"{type(stage).__name__} {stage.uid}, {many}{total}"
    if isinstance(stage, Transformer):
        columns = columns_of(stage)
        read = [
            f"{name} ({' or '.join(accepted_kinds(reader, name)) or 'any type'})"
            for name, reader in columns.read.items()
        ]
        yield f"reads: {', '.join(read) or 'unknown'}"
        yield f"final columns: {', '.join(columns.final) or 'unknown'}"
    for place, one in enumerate(stages, 1):
        yield ""
        size = "" if one.num_bytes is None else f", {one.num_bytes:,} bytes"
        yield f"{place}. {one.kind} {one.uid}{size}"
        yield f"   {', '.join(one.read) or '?'} -> {', '.join(one.made) or '?'}"
        if one.learnt:
            yield f"   learnt: {', '.join(f'{name} {shape}' for name, shape in one.learnt.items())}"
        yield f"   set: {_listed(one.set_params)}"
        if defaults:
            yield f"   default: {_listed(one.default_params)}"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in sorted(values.items())) or "nothing"


def _short(value: Any) -> str:
    text = repr(value)
    if len(text) <= _SHOWN:
        return text
    count = f" ({len(value)} in all)" if isinstance(value, list) else ""
    return f"{text[:_SHOWN]}...{count}"
