"""Text in ONNX: onnxruntime finds the words that transform finds, whatever the text."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.classification import NaiveBayes
from fireside.ml.feature import (
    IDF,
    CountVectorizer,
    CountVectorizerModel,
    NGram,
    RegexTokenizer,
    StopWordsRemover,
    Tokenizer,
)
from fireside.ml.onnx import export
from fireside.ml.onnx.capitals import written_as

TEXTS = [
    "The fire  by the sea",
    "waves, and salt; Été",
    "A COURT and a clause ΑΣ",
    "the judge of the KICK",
    "",
    " lead and\ttrail \n",
    "   ",
]
VOCABULARY = ["", "the", "été", "ας", "fire", "kick", "a", "and", "x\U0001f525", "The", "ki\u0307"]
CHAINS: dict[str, list[Any]] = {
    "Tokenizer": [Tokenizer(inputCol="text", outputCol="words")],
    "RegexTokenizer": [RegexTokenizer(inputCol="text", outputCol="words")],
    "RegexTokenizer cased": [
        RegexTokenizer(inputCol="text", outputCol="words", pattern="[ ,;]", toLowercase=False)
    ],
    "RegexTokenizer empty": [
        RegexTokenizer(inputCol="text", outputCol="words", pattern="\\s", minTokenLength=0)
    ],
    "RegexTokenizer long": [RegexTokenizer(inputCol="text", outputCol="words", minTokenLength=3)],
    "StopWordsRemover": [
        Tokenizer(inputCol="text", outputCol="all"),
        StopWordsRemover(inputCol="all", outputCol="words", stopWords=["THE", "kick", "ÉTÉ"]),
    ],
    "StopWordsRemover cased": [
        RegexTokenizer(inputCol="text", outputCol="all", toLowercase=False),
        StopWordsRemover(inputCol="all", outputCol="words", stopWords=["The", "a"], caseSensitive=True),
    ],
}


def counted(name: str, **params: Any) -> PipelineModel:
    counts = CountVectorizerModel.from_vocabulary(VOCABULARY, inputCol="words", outputCol="counts", **params)
    return PipelineModel([*CHAINS[name], counts])


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = {}
    for name in CHAINS:
        path = tmp_path_factory.mktemp("onnx") / "model.onnx"
        export(counted(name), path)
        found[name] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return found


def counts_of(session: Any, texts: list[str]) -> Any:
    return session.run(["counts"], {"text": np.array(texts, object).reshape(-1, 1)})[0]


def expected_counts(name: str, texts: list[str]) -> Any:
    found = counted(name).transform({"text": texts})["counts"]
    return np.stack([vector.toArray() for vector in found])


@pytest.mark.parametrize("name", CHAINS)
def test_words_are_cut_and_counted_as_transform_does(name, sessions):
    np.testing.assert_array_equal(counts_of(sessions[name], TEXTS), expected_counts(name, TEXTS))
    for text in TEXTS:
        np.testing.assert_array_equal(counts_of(sessions[name], [text]), expected_counts(name, [text]))


LETTERS = st.characters(exclude_categories=["Cs"])


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text(LETTERS, max_size=12),
            st.text("aA kKiIİ\u0307\u212aςσΣΑα éÉ\t\x0b,;\u2003\U0001f525x", max_size=14),
            st.lists(st.sampled_from([*VOCABULARY, "THE", "ÉTÉ", "Été", "ΑΣ", " "])).map(" ".join),
        ),
        min_size=1,
        max_size=4,
    ),
    name=st.sampled_from(sorted(CHAINS)),
)
def test_any_text_is_counted_as_transform_does(sessions, texts, name):
    np.testing.assert_array_equal(counts_of(sessions[name], texts), expected_counts(name, texts))


@pytest.mark.parametrize("params", [{"minTF": 2.0}, {"minTF": 0.3}, {"binary": True}])
def test_thresholds_and_binary_counts(params, tmp_path):
    model = counted("Tokenizer", **params)
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    texts = ["the the fire", "a a a b c", "  and", ""]
    expected = np.stack([vector.toArray() for vector in model.transform({"text": texts})["counts"]])
    np.testing.assert_array_equal(counts_of(session, texts), expected)


def test_a_classifier_of_texts_is_one_graph_from_text_to_class(tmp_path):
    texts = ["a fire by the Sea", "waves and SALT", "A Court and a clause", "the judge of the court"] * 3
    rows = {"text": texts, "label": [0.0, 0.0, 1.0, 1.0] * 3}
    stages = [
        Tokenizer(inputCol="text", outputCol="all"),
        StopWordsRemover(inputCol="all", outputCol="words"),
        CountVectorizer(inputCol="words", outputCol="counts"),
        IDF(inputCol="counts", outputCol="features"),
        NaiveBayes(),
    ]
    model = Pipeline(stages=stages).fit(rows)
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["text"]
    new = ["The SEA and the fire", "judges", "a clause of salt"]
    prediction, probability = session.run(
        ["prediction", "probability"], {"text": np.array(new, object).reshape(-1, 1)}
    )
    expected = model.transform({"text": new})
    assert prediction.reshape(-1).tolist() == expected["prediction"]
    np.testing.assert_allclose(probability, [v.toArray() for v in expected["probability"]], rtol=1e-12)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([Tokenizer(inputCol="text", outputCol="words")], "it makes lists of strings, which no tensor holds"),
        (
            [StopWordsRemover(inputCol="words", outputCol="kept")],
            "it reads lists of strings, which no tensor",
        ),
        (
            [Tokenizer(inputCol="text", outputCol="words"), NGram(inputCol="words", outputCol="pairs")],
            "ONNX cannot express NGram here: it joins words",
        ),
        (
            [RegexTokenizer(inputCol="text", outputCol="words", pattern="\\w+", gaps=False)],
            "ONNX cuts text at given characters",
        ),
        (
            [RegexTokenizer(inputCol="text", outputCol="words", pattern="\\W+")],
            "ONNX cuts text at given char",
        ),
        ([RegexTokenizer(inputCol="text", outputCol="words", pattern="a|b")], "ONNX cuts text at given char"),
        (
            [RegexTokenizer(inputCol="text", outputCol="words", pattern="[ab]")],
            "cuts lowered text at letters",
        ),
        (
            [RegexTokenizer(inputCol="text", outputCol="words", minTokenLength=0)],
            "an empty word at the start",
        ),
        ([RegexTokenizer(inputCol="text", outputCol="words", minTokenLength=1001)], "lower minTokenLength"),
        (
            [
                RegexTokenizer(inputCol="text", outputCol="words", toLowercase=False),
                StopWordsRemover(inputCol="words", outputCol="kept"),
            ],
            "set caseSensitive=True",
        ),
        (
            [
                Tokenizer(inputCol="text", outputCol="words"),
                CountVectorizerModel.from_vocabulary(["é" * 30], inputCol="words", outputCol="counts"),
            ],
            "ways of writing its words",
        ),
        (
            [
                RegexTokenizer(inputCol="text", outputCol="words", pattern="[.]"),
                CountVectorizerModel.from_vocabulary(["ας"], inputCol="words", outputCol="counts"),
            ],
            "the case of 'ας' depends on what is around it",
        ),
    ],
)
def test_what_onnx_cannot_say_of_words_is_named(stages, message, tmp_path):
    with pytest.raises(InputError, match="cannot be exported") as caught:
        export(PipelineModel(stages), tmp_path / "model.onnx")
    assert message in str(caught.value)
    assert any(stage.uid in str(caught.value) for stage in stages)
    assert list(tmp_path.iterdir()) == []


@given(word=st.text("kiİ\u0307éÉςσΣαåÅ\u212b", max_size=5))
@settings(max_examples=60, deadline=None)
def test_every_way_of_writing_a_word_becomes_it_and_none_is_missing(word):
    from fireside.ml.feature.text.lower_case import lower_one

    ways = written_as(lower_one(word))
    assert ways is not None
    assert all(lower_one(way) == lower_one(word) for way in ways)
    without_ascii_capitals = "".join(c.lower() if c.isascii() else c for c in word)
    assert without_ascii_capitals in ways
