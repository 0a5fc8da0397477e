"""Feature transformers, as `pyspark.ml.feature` has them; one algorithm a file."""

from fireside.ml.feature.binarizer import Binarizer
from fireside.ml.feature.bucketed_random_projection_lsh import (
    BucketedRandomProjectionLSH,
    BucketedRandomProjectionLSHModel,
)
from fireside.ml.feature.bucketizer import Bucketizer
from fireside.ml.feature.chi_sq_selector import ChiSqSelector, ChiSqSelectorModel
from fireside.ml.feature.column_pruner import ColumnPruner
from fireside.ml.feature.count_vectorizer import CountVectorizer, CountVectorizerModel
from fireside.ml.feature.dct import DCT
from fireside.ml.feature.elementwise_product import ElementwiseProduct
from fireside.ml.feature.feature_hasher import FeatureHasher
from fireside.ml.feature.hashing_tf import HashingTF
from fireside.ml.feature.idf import IDF, IDFModel
from fireside.ml.feature.imputer import Imputer, ImputerModel
from fireside.ml.feature.index_to_string import IndexToString
from fireside.ml.feature.interaction import Interaction
from fireside.ml.feature.max_abs_scaler import MaxAbsScaler, MaxAbsScalerModel
from fireside.ml.feature.min_hash_lsh import MinHashLSH, MinHashLSHModel
from fireside.ml.feature.min_max_scaler import MinMaxScaler, MinMaxScalerModel
from fireside.ml.feature.ngram import NGram
from fireside.ml.feature.normalizer import Normalizer
from fireside.ml.feature.one_hot_encoder import OneHotEncoder, OneHotEncoderModel
from fireside.ml.feature.pca import PCA, PCAModel
from fireside.ml.feature.polynomial_expansion import PolynomialExpansion
from fireside.ml.feature.quantile_discretizer import QuantileDiscretizer
from fireside.ml.feature.r_formula import RFormula, RFormulaModel
from fireside.ml.feature.regex_tokenizer import RegexTokenizer
from fireside.ml.feature.robust_scaler import RobustScaler, RobustScalerModel
from fireside.ml.feature.sql_transformer import SQLTransformer
from fireside.ml.feature.standard_scaler import StandardScaler, StandardScalerModel
from fireside.ml.feature.stop_words_remover import StopWordsRemover
from fireside.ml.feature.string_indexer import StringIndexer, StringIndexerModel
from fireside.ml.feature.target_encoder import TargetEncoder, TargetEncoderModel
from fireside.ml.feature.tokenizer import Tokenizer
from fireside.ml.feature.univariate_feature_selector import (
    UnivariateFeatureSelector,
    UnivariateFeatureSelectorModel,
)
from fireside.ml.feature.variance_threshold_selector import (
    VarianceThresholdSelector,
    VarianceThresholdSelectorModel,
)
from fireside.ml.feature.vector_assembler import VectorAssembler
from fireside.ml.feature.vector_attribute_rewriter import VectorAttributeRewriter
from fireside.ml.feature.vector_indexer import VectorIndexer, VectorIndexerModel
from fireside.ml.feature.vector_size_hint import VectorSizeHint
from fireside.ml.feature.vector_slicer import VectorSlicer
from fireside.ml.feature.word2vec import Word2Vec, Word2VecModel

__all__ = [
    "DCT",
    "IDF",
    "PCA",
    "Binarizer",
    "BucketedRandomProjectionLSH",
    "BucketedRandomProjectionLSHModel",
    "Bucketizer",
    "ChiSqSelector",
    "ChiSqSelectorModel",
    "ColumnPruner",
    "CountVectorizer",
    "CountVectorizerModel",
    "ElementwiseProduct",
    "FeatureHasher",
    "HashingTF",
    "IDFModel",
    "Imputer",
    "ImputerModel",
    "IndexToString",
    "Interaction",
    "MaxAbsScaler",
    "MaxAbsScalerModel",
    "MinHashLSH",
    "MinHashLSHModel",
    "MinMaxScaler",
    "MinMaxScalerModel",
    "NGram",
    "Normalizer",
    "OneHotEncoder",
    "OneHotEncoderModel",
    "PCAModel",
    "PolynomialExpansion",
    "QuantileDiscretizer",
    "RFormula",
    "RFormulaModel",
    "RegexTokenizer",
    "RobustScaler",
    "RobustScalerModel",
    "SQLTransformer",
    "StandardScaler",
    "StandardScalerModel",
    "StopWordsRemover",
    "StringIndexer",
    "StringIndexerModel",
    "TargetEncoder",
    "TargetEncoderModel",
    "Tokenizer",
    "UnivariateFeatureSelector",
    "UnivariateFeatureSelectorModel",
    "VarianceThresholdSelector",
    "VarianceThresholdSelectorModel",
    "VectorAssembler",
    "VectorAttributeRewriter",
    "VectorIndexer",
    "VectorIndexerModel",
    "VectorSizeHint",
    "VectorSlicer",
    "Word2Vec",
    "Word2VecModel",
]
