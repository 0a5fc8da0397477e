import copy
import pickle

import numpy as np
import pytest

from fireside.core.errors import InputError
from fireside.ml.clustering import KMeans
from fireside.ml.feature import Binarizer, HashingTF, Normalizer, StringIndexer, Tokenizer, VectorSlicer
from fireside.ml.linalg import DenseVector, Matrices
from fireside.ml.param import Param, Params, ParamTypeError, TypeConverters
from fireside.ml.spark_name import default_seed


def test_a_param_is_found_on_the_class_and_bound_on_a_stage():
    stage = HashingTF()
    assert HashingTF.numFeatures.parent == "undefined"
    assert stage.numFeatures.parent == stage.uid
    assert stage.numFeatures == stage.getParam("numFeatures")
    assert stage.numFeatures != HashingTF().numFeatures
    assert {stage.numFeatures: 1}[stage.getParam("numFeatures")] == 1
    assert str(stage.numFeatures) == f"{stage.uid}__numFeatures"


def test_values_come_from_what_was_set_then_from_defaults():
    stage = KMeans(k=5)
    assert (stage.getK(), stage.getMaxIter()) == (5, 20)
    assert stage.isSet("k")
    assert not stage.isSet(stage.maxIter)
    assert stage.hasDefault("maxIter")
    assert stage.isDefined("maxIter")
    assert not stage.isDefined("weightCol")
    stage.clear(stage.k)
    assert stage.getK() == 2


def test_a_param_without_value_says_how_to_set_it():
    with pytest.raises(InputError, match=r"Tokenizer_\w+: param inputCol is not set .*: pass inputCol="):
        Tokenizer().getInputCol()


def test_explaining_shows_default_and_current_values():
    stage = KMeans(k=3)
    assert stage.explainParam("k") == "k: number of clusters (default: 2, current: 3)"
    assert stage.explainParam(stage.weightCol).endswith("(undefined)")


def test_setters_return_the_stage_and_constructors_take_none_for_unset():
    stage = KMeans(k=None, seed=3)
    assert stage.setK(4).setTol(0).setWeightCol("w") is stage
    assert (stage.getK(), stage.getTol(), stage.getWeightCol(), stage.getSeed()) == (4, 0.0, "w", 3)
    assert KMeans.setK(stage, 6) is stage
    assert KMeans.getK(stage) == 6


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: KMeans(clusters=3), ParamTypeError, "KMeans has no param 'clusters'. Params: distanceM"),
        (lambda: KMeans(kk=3), ParamTypeError, "KMeans has no param 'kk'; did you mean 'k'?"),
        (lambda: KMeans().getParam("maxiter"), ParamTypeError, "did you mean 'maxIter'"),
        (lambda: KMeans(k=2.5), ParamTypeError, r"KMeans_\w+: param k cannot be set: 2.5 is not an integer"),
        (lambda: KMeans(k=True), ParamTypeError, "True is not an integer"),
        (lambda: KMeans(tol="small"), ParamTypeError, "'small' is not a number"),
        (lambda: Tokenizer(inputCol=3), ParamTypeError, "3 is not a string"),
        (lambda: HashingTF(binary=1), ParamTypeError, "1 is not a boolean"),
        (lambda: StringIndexer(inputCols="ab"), ParamTypeError, "'ab' is not a list"),
        (lambda: KMeans(k=1), InputError, r"KMeans_\w+: param k must be > 1, got 1"),
        (lambda: Normalizer(p=0.5), InputError, "param p must be >= 1, got 0.5"),
        (lambda: KMeans(initMode="best"), InputError, "must be one of 'random', 'k-means||', got 'best'"),
        (lambda: KMeans().set(Tokenizer().inputCol, "a"), ParamTypeError, "does not belong to KMeans_"),
        (lambda: KMeans().copy({"k": 3}), ParamTypeError, "is a Param"),
        (lambda: setattr(KMeans(), "k", 3), AttributeError, r"call setParams\(k=...\)"),
    ],
)
def test_what_cannot_be_set_is_refused_with_stage_param_and_reason(make, error, message):
    with pytest.raises(error) as caught:
        make()
    import re

    assert re.search(message.replace("||", r"\|\|"), str(caught.value)) or message in str(caught.value)


def test_a_wrong_type_is_also_a_type_error():
    with pytest.raises(TypeError):
        KMeans(k="many")


def test_extra_values_win_in_a_copy_and_in_an_extracted_map_alone():
    stage = KMeans(k=3, maxIter=7)
    twin = stage.copy({stage.k: 9, Tokenizer().inputCol: "ignored"})
    assert (twin.getK(), twin.getMaxIter(), twin.uid) == (9, 7, stage.uid)
    assert stage.getK() == 3
    extracted = stage.extractParamMap({stage.k: 5})
    assert extracted[stage.k] == 5
    assert extracted[stage.maxIter] == 7
    assert extracted[stage.tol] == 1e-4


def test_stages_can_be_copied_and_pickled():
    stage = KMeans(k=3)
    for twin in (copy.copy(stage), copy.deepcopy(stage), pickle.loads(pickle.dumps(stage))):
        assert (twin.uid, twin.getK()) == (stage.uid, 3)


def test_params_can_be_declared_as_pyspark_declares_them():
    class Scale(Params):
        factor = Param(Params._dummy(), "factor", "what to multiply by", TypeConverters.toFloat)

        def __init__(self) -> None:
            super().__init__()
            self._setDefault(factor=2)

    assert Scale().getOrDefault("factor") == 2.0
    assert Scale().setParams(factor=3).getOrDefault(Scale.factor) == 3.0


def test_converters_take_what_pyspark_takes():
    convert = TypeConverters
    assert convert.toListFloat(np.array([1, 2])) == [1.0, 2.0]
    assert convert.toListFloat(DenseVector([1.0])) == [1.0]
    assert convert.toListInt((1.0, np.int64(2))) == [1, 2]
    assert convert.toListListFloat([(1, 2), [3]]) == [[1.0, 2.0], [3.0]]
    assert convert.toVector([1, 2]) == DenseVector([1.0, 2.0])
    assert convert.toInt(np.float64(3)) == 3
    assert convert.toBoolean(np.bool_(True)) is True
    matrix = Matrices.dense(1, 1, [1.0])
    assert convert.toMatrix(matrix) is matrix
    for converter, value in ((convert.toMatrix, 1), (convert.toListString, [1]), (convert.toVector, ["a"])):
        with pytest.raises(TypeError):
            converter(value)


def test_the_default_seed_is_the_hash_java_has_for_the_class_name():
    # "org.apache.spark.ml.clustering.KMeans".hashCode in Java.
    assert default_seed(KMeans) == -1689246527


def test_a_param_of_a_stage_travels_with_its_check_and_its_default():
    stage = KMeans()
    for param in stage.params:
        again = pickle.loads(pickle.dumps(param))
        assert again == param
        assert (again.doc, again.default, again.typeConverter) == (
            param.doc,
            param.default,
            param.typeConverter,
        )
        assert again.check is param.check
    with pytest.raises(InputError, match="param k must be > 1, got 1"):
        pickle.loads(pickle.dumps(stage.k)).convert(1, stage="here")
    free = pickle.loads(pickle.dumps(Param("someone", "n", "a number", TypeConverters.toInt)))
    assert (str(free), free.convert(3.0, stage="here")) == ("someone__n", 3)


def test_integers_are_those_of_java_and_seeds_are_long():
    assert HashingTF(numFeatures=2**31 - 1).getNumFeatures() == 2**31 - 1
    assert KMeans(seed=-(2**63)).getSeed() == -(2**63)
    with pytest.raises(
        ParamTypeError, match=r"numFeatures cannot be set: 2147483648 is not an integer from -2\^31"
    ):
        HashingTF(numFeatures=2**31)
    with pytest.raises(
        ParamTypeError, match=r"seed cannot be set: .* is not an integer from -2\^63 to 2\^63 - 1"
    ):
        KMeans(seed=2**63)
    with pytest.raises(ParamTypeError, match=r"indices cannot be set: .*2\^31"):
        VectorSlicer(indices=[0, 2**31])
    for stage, values in ((HashingTF, {"numFeatures": 10**5000}), (Binarizer, {"threshold": 10**5000})):
        with pytest.raises(ParamTypeError, match=r"of 16610 bits is"):
            stage(**values)
