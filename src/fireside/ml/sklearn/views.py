"""scikit-learn's clusterers and classifiers over stages, and what all views share.

`wrap` makes a class of one of the kinds of view for each class of stage.

A view holds the params of the stage as scikit-learn holds params: unchecked, until it is fitted.
"""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    check_non_negative,
    validate_data,
)

from fireside.core.errors import InputError
from fireside.ml.base import Estimator, PipelineStage, Transformer
from fireside.ml.sklearn.arrays import FEATURES, LABEL, WEIGHT, matrix_of, table_of

__all__ = ["ClassifierView", "ClustererView", "StageView"]


class StageView(BaseEstimator):
    """What all views share: the stage behind them.

    Attributes, once fitted:
        model_: the fitted model of fireside.ml.
        n_features_in_: D.
    """

    _stage_class: ClassVar[type[PipelineStage]]

    def _stage(self) -> PipelineStage:
        """The stage with the params of this view; here they are checked."""
        params = {name: value for name, value in self.get_params(deep=False).items() if value is not None}
        stage = self._stage_class(**params)
        if stage.hasParam("handleInvalid") and stage.getOrDefault("handleInvalid") == "skip":
            raise InputError(
                f"{type(self).__name__}: handleInvalid='skip' leaves out rows, and scikit-learn wants as "
                "many as it gave: set it to 'error' or 'keep'"
            )
        columns = {"inputCol": FEATURES, "outputCol": "output", "labelCol": LABEL}
        return stage.setParams(**{name: value for name, value in columns.items() if stage.hasParam(name)})

    def _fit_to(
        self, X: Any, y: npt.NDArray[Any] | None = None, weights: npt.NDArray[Any] | None = None
    ) -> None:
        stage = self._stage()
        if weights is not None:
            stage.setParams(weightCol=WEIGHT)
        if isinstance(stage, Estimator):
            try:
                self.model_ = stage.fit(table_of(X, y, weights))
            except InputError as error:
                # What is wrong may be that there is one row alone, which the stage need not know.
                raise InputError(f"{error} (n_samples={X.shape[0]})") from error
        else:
            assert isinstance(stage, Transformer)
            stage.transformSchema(table_of(X).schema)
            self.model_ = stage

    def _rows(self, X: Any) -> Any:
        """float64[N, D], dense or CSR, the features of rows after the fit, checked."""
        check_is_fitted(self)
        return validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)

    def _made(self, X: Any, column: str) -> Any:
        """A column that the model makes of features."""
        table = table_of(self._rows(X))
        return self.model_.transform(table)[column]

    def _weights(self, sample_weight: Any, X: Any) -> npt.NDArray[np.float64] | None:
        if sample_weight is None:
            return None
        weights: npt.NDArray[np.float64] = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        return weights

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __reduce__(self) -> tuple[Any, ...]:
        # The class was made here, so pickle cannot find it by its name.
        from fireside.ml.sklearn.wrap import empty_view

        return empty_view, (self._stage_class,), self.__getstate__()


class ClustererView(ClusterMixin, StageView):
    """A stage that gives each row a cluster.

    Attributes, once fitted:
        labels_: int32[N], the clusters of the rows it was fitted to.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to float64[N, D], dense or sparse."""
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        self._fit_to(X, weights=self._weights(sample_weight, X))
        self.labels_ = self.predict(X)
        return self

    def predict(self, X: Any) -> npt.NDArray[np.int32]:
        """int32[N], the clusters of rows."""
        return self._made(X, "prediction").to_numpy()


class ClassifierView(ClassifierMixin, StageView):
    """A stage that gives each row a class; classes may be anything that can be sorted.

    Attributes, once fitted:
        classes_: the classes, ascending.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to float64[N, D], dense or sparse, and a class for each row."""
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        check_classification_targets(y)
        if self.__sklearn_tags__().input_tags.positive_only:
            check_non_negative(X, type(self).__name__)
        weights = self._weights(sample_weight, X)
        if weights is not None and not (weights > 0).all():
            # To scikit-learn a row without weight is not there; to a stage a class of such rows is an error.
            X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
        self.classes_, indices = np.unique(y, return_inverse=True)
        self._fit_to(X, indices, weights)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The classes of rows, [N]."""
        places = self._made(X, "prediction").to_numpy().astype(np.intp)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """float64[N, C], the probability of each class."""
        return matrix_of(self._made(X, "probability"))

    def predict_log_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """float64[N, C], the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if self._stage_class.__name__ == "NaiveBayes" and self.get_params()["modelType"] != "gaussian":
            # Counts: nothing negative, and little to be learnt from measures.
            tags.input_tags.positive_only = True
            tags.classifier_tags.poor_score = True
        return tags
