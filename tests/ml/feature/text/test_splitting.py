import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.ml.feature import RegexTokenizer
from fireside.ml.feature.text.java_regex import compile_java, split_as_java
from fireside.ml.feature.text.lower_case import lower_case
from fireside.ml.feature.text.split_kernel import byte_class, split_column

TEXT = st.text(st.sampled_from("aB1_ ,.\t\n\x0b\u00a0é𝒳Σ²"), max_size=12)
SPLIT_BY_BYTES = [
    r"\s",
    r"\s+",
    r"\S+",
    r"\W+",
    r"\d+",
    r"[a-z]+",
    r"[^a-z]+",
    r"[\s,.]+",
    r"[\w.-]+",
    ",",
    "a+",
]
SPLIT_BY_REGEX = [r"\W", r"a|b", r"\p{L}+", r"(?i)A", r"", r"b*", r"\.", r"[[a]]"]


@pytest.mark.parametrize("pattern", SPLIT_BY_BYTES)
@settings(deadline=None)
@given(texts=st.lists(TEXT, max_size=5), minimum=st.integers(0, 3))
def test_splitting_bytes_is_splitting_by_the_regular_expression(pattern, texts, minimum):
    table, runs = byte_class(pattern)
    bounds, tokens = split_column(pa.array(texts, pa.string()), table, runs=runs, minimum=minimum)
    tokens.validate(full=True)
    found = [tokens.to_pylist()[a:b] for a, b in pairwise(bounds)]
    expected = [
        [token for token in split_as_java(compile_java(pattern), text) if utf16_length(token) >= minimum]
        for text in texts
    ]
    assert found == expected


@pytest.mark.parametrize("pattern", [p for p in SPLIT_BY_BYTES if p.endswith("+")])
@settings(deadline=None)
@given(texts=st.lists(TEXT, max_size=5), minimum=st.integers(0, 3))
def test_finding_tokens_is_finding_matches(pattern, texts, minimum):
    stage = RegexTokenizer(
        inputCol="t", outputCol="o", pattern=pattern, gaps=False, toLowercase=False, minTokenLength=minimum
    )
    expected = [
        [token for token in re.findall(pattern, text, re.ASCII) if utf16_length(token) >= minimum]
        for text in texts
    ]
    assert stage.transform({"t": pa.array(texts, pa.string())})["o"] == expected


def utf16_length(token: str) -> int:
    return len(token.encode("utf-16-le")) // 2


@pytest.mark.parametrize("pattern", SPLIT_BY_REGEX)
def test_patterns_that_bytes_cannot_decide_are_left_to_the_regular_expression(pattern):
    assert byte_class(pattern) is None


def test_a_slice_of_a_column_is_split_in_place():
    column = pa.array(["skipped one", "a b", "c", "skipped two"]).slice(1, 2)
    table, runs = byte_class(r"\s+")
    bounds, tokens = split_column(column, table, runs=runs, minimum=1)
    assert (bounds.tolist(), tokens.to_pylist()) == ([0, 2, 3], ["a", "b", "c"])


@pytest.mark.parametrize(
    ("pattern", "text", "pieces"),
    [
        (",", ",a,,b,,", ["", "a", "", "b"]),
        (",", "", [""]),
        (",", ",,", []),
        ("", "abc", ["a", "b", "c"]),
        (r"\p{Lu}", "aBcÄd", ["a", "c", "d"]),
        (r"[\p{L}\d]+", "-ab1é-", ["-", "-"]),
        (r"\h", "a\u00a0b\tc", ["a", "b", "c"]),
        (r"\R", "a\r\nb\u2028c", ["a", "b", "c"]),
        (r"\Q.+\E", "a.+b.c", ["a", "b.c"]),
        (r"(?<sep>-)\k<sep>", "a--b-c", ["a", "b-c"]),
        (r".$", "ab\n", ["a", "\n"]),
        (r"\x{1F600}", "a😀b", ["a", "b"]),
    ],
)
def test_java_patterns_split_as_in_java(pattern, text, pieces):
    assert split_as_java(compile_java(pattern), text) == pieces


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a-z&&[^b]]", "a class inside a class or &&"),
        (r"\G", r"uses \\G, which cannot be translated"),
        (r"\p{Nope}", "which is not known"),
        (r"[\P{L}]", "negates a set inside a class"),
        ("(", "is not a regular expression"),
    ],
)
def test_patterns_without_a_counterpart_are_refused(pattern, message):
    with pytest.raises(InputError, match=message):
        compile_java(pattern)


@settings(deadline=None)
@given(st.lists(st.text(max_size=8) | st.sampled_from(["İ", "ΑΣ", "ΑΣ.", "ΣΑ", "ẞ"]), max_size=6))
def test_lower_case_is_that_of_python(texts):
    # Python and Arrow follow different versions of Unicode, so letters that one of them lacks are left out.
    known = ["".join(c for c in text if c.lower() == lower_case(pa.array([c]))[0].as_py()) for text in texts]
    assert lower_case(pa.array(known, pa.string())).to_pylist() == [text.lower() for text in known]


@pytest.mark.spark
def test_regular_expressions_split_and_find_as_in_spark(spark):
    from pyspark.ml.feature import RegexTokenizer as SparkRegexTokenizer

    texts = [
        "Hello, World! it's a_b 12.5\tx\r\ny é ß ΑΣ ²½ Ⅷ\u3000z\u00a0q\u2028r\x85s\x0bt\x1cu",
        *("aXbXXc", "2021-01-02T03:04:05Z", "[a](b){c}", "...", "", " ", "foo\n", "a\\b$c^d", "x1y22z333"),
    ]
    patterns = [
        *(r"\s+", r"\W+", r"\W", r"\w+", r"[^a-z]+", r"[a-z]", r"\D+", r"\p{Punct}", r"\p{L}+", r"\P{L}+"),
        *(
            r"[\p{L}\d]+",
            r"\h+",
            r"\v",
            r"\R",
            r"\Q.\E",
            r"(?i)x",
            r"X{1,2}",
            r"(?<y>\d{4})-",
            r".",
            r"(?s).",
        ),
        *(
            r"a|b|c",
            r"$",
            r"^",
            r"\z",
            r"\Z",
            r"\x41",
            r"[.]+",
            r"(?<=\d)",
            r"\p{IsAlphabetic}+",
            r"(?>x)",
            r"x*+",
        ),
    ]
    frame = spark.createDataFrame([(text,) for text in texts], "t string").coalesce(1)
    for theirs in _all_at_once(frame, patterns, SparkRegexTokenizer):
        ours = _all_at_once({"t": texts}, patterns, RegexTokenizer)
        rows = theirs.collect()
        for name in theirs.columns[1:]:
            assert ours[name] == [row[name] for row in rows], (name, patterns[int(name.split()[1])])


def _all_at_once(frame, patterns, tokenizer):
    for gaps in (True, False):
        for number, pattern in enumerate(patterns):
            # Spark would read a dot in a column's name as a path.
            name = f"{'split' if gaps else 'find'} {number}"
            stage = tokenizer(
                inputCol="t", outputCol=name, pattern=pattern, gaps=gaps, toLowercase=False, minTokenLength=0
            )
            frame = stage.transform(frame)
    return frame if isinstance(frame, dict) else [frame]


def test_texts_of_random_bytes_of_utf8_keep_their_offsets():
    texts = ["é" * n + " " + "𝒳" for n in range(50)]
    table, runs = byte_class(r"\s+")
    _, tokens = split_column(pa.array(texts), table, runs=runs, minimum=2)
    assert tokens.to_pylist() == [t for n in range(50) for t in ("é" * n, "𝒳") if utf16_length(t) >= 2]
    assert np.array_equal(table[:128], [chr(c) in " \t\n\x0b\f\r" for c in range(128)])
