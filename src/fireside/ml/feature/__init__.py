"""Feature transformers, as `pyspark.ml.feature` has them; one algorithm a file."""

from fireside.ml.feature.binarizer import Binarizer
from fireside.ml.feature.bucketed_random_projection_lsh import (
    BucketedRandomProjectionLSH,
    BucketedRandomProjectionLSHModel,
)
from fireside.ml.feature.bucketizer import Bucketizer
from fireside.ml.feature.count_vectorizer import CountVectorizer, CountVectorizerModel
from fireside.ml.feature.dct import DCT
from fireside.ml.feature.elementwise_product import ElementwiseProduct
from fireside.ml.feature.hashing_tf import HashingTF
from fireside.ml.feature.idf import IDF, IDFModel
from fireside.ml.feature.imputer import Imputer, ImputerModel
from fireside.ml.feature.index_to_string import IndexToString
from fireside.ml.feature.max_abs_scaler import MaxAbsScaler, MaxAbsScalerModel
from fireside.ml.feature.min_hash_lsh import MinHashLSH, MinHashLSHModel
from fireside.ml.feature.min_max_scaler import MinMaxScaler, MinMaxScalerModel
from fireside.ml.feature.ngram import NGram
from fireside.ml.feature.normalizer import Normalizer
from fireside.ml.feature.polynomial_expansion import PolynomialExpansion
from fireside.ml.feature.quantile_discretizer import QuantileDiscretizer
from fireside.ml.feature.regex_tokenizer import RegexTokenizer
from fireside.ml.feature.robust_scaler import RobustScaler, RobustScalerModel
from fireside.ml.feature.standard_scaler import StandardScaler, StandardScalerModel
from fireside.ml.feature.stop_words_remover import StopWordsRemover
from fireside.ml.feature.string_indexer import StringIndexer, StringIndexerModel
from fireside.ml.feature.tokenizer import Tokenizer
from fireside.ml.feature.vector_assembler import VectorAssembler

__all__ = [
    "DCT",
    "IDF",
    "Binarizer",
    "BucketedRandomProjectionLSH",
    "BucketedRandomProjectionLSHModel",
    "Bucketizer",
    "CountVectorizer",
    "CountVectorizerModel",
    "ElementwiseProduct",
    "HashingTF",
    "IDFModel",
    "Imputer",
    "ImputerModel",
    "IndexToString",
    "MaxAbsScaler",
    "MaxAbsScalerModel",
    "MinHashLSH",
    "MinHashLSHModel",
    "MinMaxScaler",
    "MinMaxScalerModel",
    "NGram",
    "Normalizer",
    "PolynomialExpansion",
    "QuantileDiscretizer",
    "RegexTokenizer",
    "RobustScaler",
    "RobustScalerModel",
    "StandardScaler",
    "StandardScalerModel",
    "StopWordsRemover",
    "StringIndexer",
    "StringIndexerModel",
    "Tokenizer",
    "VectorAssembler",
]
