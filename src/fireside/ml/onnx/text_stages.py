"""Stages that work on words, in ONNX's operators.

A list of words is two tensors: strings [N, K], and bool [N, K], which of them are there. No tensor holds such
lists outside of a graph, so they lie between a tokenizer and what counts words.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fireside.ml.feature import CountVectorizerModel, RegexTokenizer, StopWordsRemover, Tokenizer
from fireside.ml.feature.text.lower_case import lower_one
from fireside.ml.multi_column import column_pairs
from fireside.ml.onnx.capitals import written_as
from fireside.ml.onnx.graph import ML_DOMAIN, Graph, Tensor, Words
from fireside.ml.onnx.inexpressible import inexpressible
from fireside.ml.param.params import Params

__all__ = ["count_vectorizer", "regex_tokenizer", "stop_words_remover", "tokenizer"]

WHITE_SPACE = " \t\n\x0b\f\r"
MOST_SEPARATORS = 16
LONGEST = 1000
"""Regular expressions of ONNX count no further."""
MOST_KEYS = 1 << 18
"""More strings than this are not put into a graph."""


def tokenizer(graph: Graph, stage: Tokenizer, schema: pa.Schema) -> None:
    """Lower case, cut at each character of white space."""
    text = ascii_lower(graph, graph.read(stage.getInputCol()))
    words, there = cut(graph, text, WHITE_SPACE)
    there = without_trailing(graph, words, there)
    graph.words[stage.getOutputCol()] = Words(words, there, lowers=True)


def regex_tokenizer(graph: Graph, stage: RegexTokenizer, schema: pa.Schema) -> None:
    """Cut at each of some characters; short words left out."""
    from fireside.ml.feature.text.split_kernel import byte_class

    lowers, shortest = stage.getToLowercase(), stage.getMinTokenLength()
    known = byte_class(stage.getPattern()) if stage.getGaps() else None
    separators = "" if known is None else "".join(map(chr, np.flatnonzero(known[0])))
    if not separators or len(separators) > MOST_SEPARATORS or not separators.isascii():
        raise inexpressible(
            stage,
            "ONNX cuts text at given characters, not by regular expressions",
            f"set gaps=True, and a pattern of at most {MOST_SEPARATORS} characters, such as [,;] or a blank",
        )
    if shortest > LONGEST:
        raise inexpressible(stage, f"its words have more than {LONGEST} characters", "lower minTokenLength")
    if lowers and any(map(str.isalpha, separators)):
        raise inexpressible(stage, "it cuts lowered text at letters", "set toLowercase=False")
    text = graph.read(stage.getInputCol())
    words, there = cut(graph, ascii_lower(graph, text) if lowers else text, separators)
    if shortest:
        there = graph.test("And", there, at_least(graph, words, shortest))
    elif known is not None and known[1]:
        raise inexpressible(
            stage, "runs of separators leave an empty word at the start", "set minTokenLength=1"
        )
    else:
        there = without_trailing(graph, words, there)
    graph.words[stage.getOutputCol()] = Words(words, there, lowers, not set(separators) <= set(WHITE_SPACE))


def stop_words_remover(graph: Graph, stage: StopWordsRemover, schema: pa.Schema) -> None:
    """Words that are no stop words."""
    made = {}
    for source, target in column_pairs(stage):
        words = read_words(graph, stage, source)
        stop = set(stage.getStopWords())
        if not stage.getCaseSensitive():
            if not words.lowers:
                raise inexpressible(
                    stage, "it looks over the case of words that were left in it", "set caseSensitive=True"
                )
            stop = set(map(lower_one, stop))
        keys = dict.fromkeys(itertools.chain.from_iterable(ways_of_writing(stage, words, sorted(stop))), 1)
        is_stop = graph.cast(look_up(graph, words, keys, 0), "BOOL")
        kept = graph.test("And", words.there, graph.test("Not", is_stop))
        made[target] = Words(words.strings, kept, words.lowers, words.cut_inside)
    graph.words.update(made)


def count_vectorizer(graph: Graph, stage: CountVectorizerModel, schema: pa.Schema) -> None:
    """How often each term of the vocabulary is there."""
    words, size = read_words(graph, stage, stage.getInputCol()), len(stage.vocabulary)
    ways = ways_of_writing(stage, words, stage.vocabulary)
    # The first of a term that is there twice counts.
    keys = {key: place for place, found in reversed(list(enumerate(ways))) for key in found}
    elsewhere = graph.constant([size], np.int64)
    places = graph.where(words.there, look_up(graph, words, keys, size), elsewhere)
    ones = graph.cast(words.there, "DOUBLE")
    rows = graph.node(
        "Slice", shape_of(graph, ones), graph.constant([0], np.int64), graph.constant([1], np.int64)
    )
    shape = graph.node("Concat", rows, graph.constant([size + 1], np.int64), axis=0)
    zeros = graph.node("Expand", graph.constant([0.0]), shape)
    counts = graph.node("ScatterElements", zeros, places, ones, axis=1, reduction="add")
    counts = graph.node("Gather", counts, graph.constant(np.arange(size), np.int64), axis=1)
    least = graph.row([stage.getMinTF()])
    if stage.getMinTF() < 1:
        least = graph.node("Mul", graph.over_entries("ReduceSum", ones), least)
    is_enough = graph.test("GreaterOrEqual", counts, least)
    if stage.getBinary():
        is_there = graph.test("Greater", counts, graph.row([0.0]))
        counts = graph.cast(is_there, "DOUBLE")
    graph.write(stage.getOutputCol(), graph.where(is_enough, counts, graph.row([0.0])))


def ascii_lower(graph: Graph, text: Tensor) -> Tensor:
    """[N, 1], ASCII letters in lower case: the locale "C", which every machine has, knows no others."""
    flat = graph.node("Squeeze", text, graph.constant([1], np.int64))
    lowered = graph.node("StringNormalizer", flat, case_change_action="LOWER", locale="C")
    return graph.node("Unsqueeze", lowered, graph.constant([1], np.int64))


def cut(graph: Graph, text: Tensor, separators: str) -> tuple[Tensor, Tensor]:
    """The pieces of texts [N, 1] between separators: strings [N, K], and bool [N, K], which are there."""
    pieces, there = text, graph.test("Equal", text, text)
    zero, one, last = (graph.constant([number], np.int64) for number in (0, 1, 2))
    for separator in separators:
        # An empty string has no pieces to ONNX, and one, itself, to Java.
        empty = graph.node("Expand", graph.constant([""], object), shape_of(graph, pieces))
        cut_ones, counts = graph.nodes(
            "StringSplit", pieces, elements=[pieces.element, "INT64"], delimiter=separator
        )
        size = graph.node("Slice", shape_of(graph, cut_ones), last, graph.constant([3], np.int64))
        size = graph.node("Max", size, one)
        cut_ones = graph.node("Concat", cut_ones, graph.node("Unsqueeze", empty, last), axis=2)
        cut_ones = graph.node("Slice", cut_ones, zero, size, last)
        counts = graph.node("Max", counts, one)
        order = graph.node(
            "Range", graph.constant(0, np.int64), graph.node("Squeeze", size), graph.constant(1, np.int64)
        )
        is_piece = graph.test("Less", order, graph.node("Unsqueeze", counts, last))
        is_piece = graph.test("And", is_piece, graph.node("Unsqueeze", there, last))
        pieces = graph.node("Flatten", cut_ones, axis=1)
        there = graph.node("Flatten", is_piece, axis=1)
    return pieces, there


def without_trailing(graph: Graph, words: Tensor, there: Tensor) -> Tensor:
    """bool[N, K], the pieces without the empty ones at the end, which Java leaves out; one alone stays."""
    whole = graph.cast(there, "INT64")
    order = graph.node("CumSum", whole, graph.constant(1, np.int64))
    is_filled = graph.test("And", there, at_least(graph, words, 1))
    filled = graph.node("Mul", order, graph.cast(is_filled, "INT64"))
    is_inside = graph.test("LessOrEqual", order, graph.over_entries("ReduceMax", filled))
    is_alone = graph.test("Equal", graph.over_entries("ReduceSum", whole), graph.constant([[1]], np.int64))
    return graph.test("And", there, graph.test("Or", is_inside, is_alone))


def at_least(graph: Graph, words: Tensor, length: int) -> Tensor:
    """bool[N, K], the words of at least so many characters, as Java counts them.

    Characters beyond the basic plane count twice: with k of them, `length - k` in all are enough.
    """
    if length == 1:
        return graph.test("Not", graph.test("Equal", words, graph.constant([""], object)))
    found: Tensor | None = None
    for many in range(length // 2 + 1):
        beyond = f"(?s)(?:.*[\\x{{10000}}-\\x{{10FFFF}}]){{{many}}}.*"
        is_long = graph.test("RegexFullMatch", words, pattern=f"(?s).{{{length - many},}}")
        if many:
            is_long = graph.test("And", is_long, graph.test("RegexFullMatch", words, pattern=beyond))
        found = is_long if found is None else graph.test("Or", found, is_long)
    assert found is not None
    return found


def read_words(graph: Graph, stage: Params, column: str) -> Words:
    """The words of a column.

    Raises:
        InputError: no stage before made them.
    """
    if column not in graph.words:
        raise inexpressible(
            stage,
            "it reads lists of strings, which no tensor holds",
            "export it with the stage that cuts text",
        )
    return graph.words[column]


def ways_of_writing(stage: Params, words: Words, known: Sequence[str]) -> list[list[str]]:
    """For each known word the strings that stand for it in a graph.

    Raises:
        InputError: they are too many, or depend on the text around a word.
    """
    if not words.lowers:
        return [[word] for word in known]
    ways, many = [], 0
    for word in known:
        found = written_as(word)
        many += MOST_KEYS + 1 if found is None else len(found)
        if many > MOST_KEYS:
            raise inexpressible(
                stage,
                f"there are more than {MOST_KEYS} ways of writing its words",
                "leave words in their case",
            )
        if words.cut_inside and {"\u03c3", "\u03c2"} & set(word):
            raise inexpressible(
                stage, f"the case of {word!r} depends on what is around it", "cut at white space"
            )
        ways.append(found or [])
    return ways


def look_up(graph: Graph, words: Words, keys: dict[str, int], otherwise: int) -> Tensor:
    """int64[N, K], the number of each word."""
    if not keys:
        # An encoder must have a key; this one is no string that Arrow can hold.
        return graph.node("Mul", graph.cast(words.there, "INT64"), graph.constant([[otherwise]], np.int64))
    return graph.node(
        "LabelEncoder",
        words.strings,
        element="INT64",
        domain=ML_DOMAIN,
        keys_strings=list(keys),
        values_int64s=list(keys.values()),
        default_int64=otherwise,
    )


def shape_of(graph: Graph, value: Tensor) -> Tensor:
    """int64[rank], the shape of a value."""
    return graph.node("Shape", value, element="INT64")
