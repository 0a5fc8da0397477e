"""The lists of stop words, language by language."""

import pytest

from fireside.core.errors import InputError
from fireside.ml.feature import StopWordsRemover

# How many words Spark 4.3 has for each language.
SIZES = {
    "danish": 94, "dutch": 101, "english": 181, "finnish": 235, "french": 156, "german": 231,
    "hungarian": 199, "italian": 279, "norwegian": 176, "portuguese": 203, "russian": 151, "spanish": 313,
    "swedish": 114, "turkish": 53,
}  # fmt: skip


@pytest.mark.parametrize("language", SIZES)
def test_every_language_of_spark_has_its_list(language):
    words = StopWordsRemover.loadDefaultStopWords(language)
    assert len(words) == SIZES[language]
    assert all(word and word == word.strip() for word in words)
    remover = StopWordsRemover(inputCol="w", outputCol="o", stopWords=words)
    assert remover.transform({"w": [[words[0], "zyx", words[-1]]]})["o"] == [["zyx"]]


def test_another_language_is_refused_with_those_there_are():
    with pytest.raises(
        InputError, match=r"no stop words for 'klingon': there are danish, dutch, english, .*turkish"
    ):
        StopWordsRemover.loadDefaultStopWords("klingon")


@pytest.mark.spark
def test_the_lists_are_those_of_spark(spark):
    from pyspark.ml.feature import StopWordsRemover as SparkRemover

    for language in SIZES:
        expected = SparkRemover.loadDefaultStopWords(language)
        assert StopWordsRemover.loadDefaultStopWords(language) == list(expected)
