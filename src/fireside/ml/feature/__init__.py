"""Feature transformers, as `pyspark.ml.feature` has them; one algorithm a file."""

from fireside.ml.feature.count_vectorizer import CountVectorizer, CountVectorizerModel
from fireside.ml.feature.hashing_tf import HashingTF
from fireside.ml.feature.idf import IDF, IDFModel
from fireside.ml.feature.ngram import NGram
from fireside.ml.feature.normalizer import Normalizer
from fireside.ml.feature.regex_tokenizer import RegexTokenizer
from fireside.ml.feature.standard_scaler import StandardScaler, StandardScalerModel
from fireside.ml.feature.stop_words_remover import StopWordsRemover
from fireside.ml.feature.tokenizer import Tokenizer
from fireside.ml.feature.vector_assembler import VectorAssembler

__all__ = [
    "IDF",
    "CountVectorizer",
    "CountVectorizerModel",
    "HashingTF",
    "IDFModel",
    "NGram",
    "Normalizer",
    "RegexTokenizer",
    "StandardScaler",
    "StandardScalerModel",
    "StopWordsRemover",
    "Tokenizer",
    "VectorAssembler",
]
