"""scikit-learn's transformers over stages that make one vector of another.

What comes out is dense where dense arrays went in, and CSR where sparse ones did, whatever the values; of
sparse arrays too it is dense where a stage leaves no zeros (`PCA`, `DCT`, scalers that centre).

Shapes: N rows, D features in, D' out.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Tags
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from fireside.ml.feature import DCT, PCA
from fireside.ml.feature.selected_features import SelectorModel
from fireside.ml.sklearn.arrays import matrix_of, table_of
from fireside.ml.sklearn.views import StageView

__all__ = ["OneToOneView", "SelectorView", "TransformerView"]


class TransformerView(TransformerMixin, StageView):
    """A stage that makes one vector of another, whose entries have numbered names."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to float64[N, D], dense or sparse.

        `y` is needed only by stages that read labels; where they are categories, they may be anything that
        can be sorted.
        """
        labels = None
        if self.__sklearn_tags__().target_tags.required:
            is_category = self.get_params().get("labelType") != "continuous"
            X, labels = validate_data(
                self, X, y, accept_sparse="csr", dtype=np.float64, y_numeric=not is_category
            )
            labels = LabelEncoder().fit_transform(labels) if is_category else labels
        else:
            X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        self._fit_to(X, labels)
        self._n_features_out = int(matrix_of(self.model_.transform(table_of(X[:1]))["output"]).shape[1])
        return self

    def transform(self, X: Any) -> Any:
        """float64[N, D'], dense or CSR."""
        rows = self._rows(X)
        made = self.model_.transform(table_of(rows))["output"]
        return matrix_of(made, sparse=issparse(rows) and not self._leaves_no_zeros())

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """The names of the entries: that of the stage, and a number."""
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        prefix = self._stage_class.__name__.lower()
        return np.array([f"{prefix}{place}" for place in range(self._n_features_out)], object)

    def _leaves_no_zeros(self) -> bool:
        params = self.get_params()
        centres = params.get("withMean") or params.get("withCentering")
        return bool(centres) or issubclass(self._stage_class, DCT | PCA)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = "labelCol" in self._stage_class._declared
        return tags


class OneToOneView(OneToOneFeatureMixin, TransformerView):
    """A stage that changes each entry in its place, which keeps its name."""


class SelectorView(TransformerView):
    """A stage that keeps some of the entries, and their names."""

    def get_support(self, indices: bool = False) -> npt.NDArray[Any]:
        """Which features are kept.

        Args:
            indices: whether to return their indices, in the order of the result, instead of bool[D].
        """
        check_is_fitted(self)
        model = self.model_
        kept = model.selectedFeatures if isinstance(model, SelectorModel) else model.getIndices()
        places = np.array(kept, np.intp)
        return places if indices else np.isin(np.arange(self.n_features_in_), places)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """The names of the features that are kept."""
        places = self.get_support(indices=True)
        names: npt.NDArray[np.object_] = _check_feature_names_in(self, input_features)[places]
        return names
