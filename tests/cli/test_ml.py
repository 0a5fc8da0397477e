import pytest

from fireside.cli.main import main
from fireside.ml import Pipeline
from fireside.ml.feature import IDF, HashingTF, Tokenizer


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out + shown.err


@pytest.fixture
def pipeline(tmp_path):
    stages = [
        Tokenizer(inputCol="text", outputCol="words"),
        HashingTF(inputCol="words", outputCol="counts", numFeatures=32),
        IDF(inputCol="counts", outputCol="features"),
    ]
    estimator = Pipeline(stages=stages)
    estimator.save(tmp_path / "estimator")
    estimator.fit({"text": ["a b", "a c"]}).save(tmp_path / "model")
    return tmp_path


def test_show_prints_stages_columns_params_and_sizes(capsys, pipeline):
    code, shown = run(capsys, "ml", "show", str(pipeline / "model"))
    assert code == 0
    assert "reads: text (string)" in shown
    assert "final columns: features" in shown
    assert "counts -> features" in shown
    assert "learnt: idf 32, docFreq 32, numDocs 2" in shown
    assert "set: inputCol='words', numFeatures=32, outputCol='counts'" in shown
    assert "default: binary=False" in shown
    files = [file for file in (pipeline / "model" / "stages").rglob("*") if file.is_file()]
    assert f", {sum(file.stat().st_size for file in files):,} bytes" in shown


def test_show_prints_a_pipeline_that_is_not_fitted(capsys, pipeline):
    code, shown = run(capsys, "ml", "show", "--no-defaults", str(pipeline / "estimator"))
    assert code == 0
    assert "3. IDF " in shown
    assert "default:" not in shown


def test_what_is_no_model_is_one_clear_line(capsys, pipeline):
    code, shown = run(capsys, "ml", "show", str(pipeline / "nothing"))
    assert code == 2
    assert "nothing does not exist" in shown
    code, shown = run(capsys, "ml", "serve", str(pipeline / "estimator"))
    assert code == 2
    assert "holds the estimator Pipeline: fit it, and save the model" in shown


def test_serving_other_machines_without_a_key_is_refused(capsys, pipeline):
    code, shown = run(capsys, "ml", "serve", str(pipeline / "model"), "--host", "0.0.0.0")
    assert code == 2
    assert "set an API key, or listen on 127.0.0.1" in shown
