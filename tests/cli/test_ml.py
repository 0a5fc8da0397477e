import json

import pytest

from fireside.cli.main import main
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.feature import IDF, HashingTF, RFormula, Tokenizer


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


def test_a_type_that_cannot_be_is_one_clear_line(capsys, pipeline):
    model = str(pipeline / "model")
    for given in ("text", "text=int", "=long"):
        code, shown = run(capsys, "ml", "serve", model, "--type", given)
        assert code == 2
        assert f"--type is COLUMN=double or COLUMN=long, got {given!r}" in shown
    code, shown = run(capsys, "ml", "serve", model, "--type", "txt=long")
    assert code == 2
    assert "a type is stated of column 'txt', but the model reads ['text']" in shown


def test_serving_other_machines_without_a_key_is_refused(capsys, pipeline):
    code, shown = run(capsys, "ml", "serve", str(pipeline / "model"), "--host", "0.0.0.0")
    assert code == 2
    assert "set an API key, or listen on 127.0.0.1" in shown


def test_show_prints_pipelines_without_stages_also_inside_others(capsys, tmp_path):
    PipelineModel([]).save(tmp_path / "empty")
    code, shown = run(capsys, "ml", "show", str(tmp_path / "empty"))
    assert (code, "0 stages" in shown) == (0, True)
    PipelineModel([PipelineModel([]), Tokenizer(inputCol="text")]).save(tmp_path / "nested")
    code, shown = run(capsys, "ml", "show", (tmp_path / "nested").as_uri())
    assert (code, ", 1 stage, " in shown, "1. Tokenizer " in shown) == (0, True, True)


def test_show_looks_over_files_that_are_no_stages(capsys, pipeline):
    _, expected = run(capsys, "ml", "show", str(pipeline / "model"))
    for name in (".directory", ".nfs0001", "notes"):
        (pipeline / "model" / "stages" / name).touch()
    assert run(capsys, "ml", "show", str(pipeline / "model")) == (0, expected)


def test_show_tells_sizes_where_two_stages_have_one_uid(capsys, tmp_path):
    stages = [
        Tokenizer(inputCol=name, outputCol=f"{name}_words")._resetUid("same") for name in ("a", "b" * 500)
    ]
    PipelineModel(stages).save(tmp_path / "model")
    _, shown = run(capsys, "ml", "show", str(tmp_path / "model"))
    for folder in ("0_same", "1_same"):
        files = [file for file in (tmp_path / "model" / "stages" / folder).rglob("*") if file.is_file()]
        assert f"Tokenizer same, {sum(file.stat().st_size for file in files):,} bytes" in shown


def test_show_tells_what_a_formula_reads_and_makes(capsys, tmp_path):
    rows = {"a": [1.0, 2.0, 3.0], "b": ["u", "v", "u"], "y": [0.0, 1.0, 1.0]}
    RFormula(formula="y ~ a + b").fit(rows).save(tmp_path / "model")
    code, shown = run(capsys, "ml", "show", str(tmp_path / "model"))
    assert code == 0
    assert "b, a -> features" in shown


def test_show_writes_no_control_characters_of_a_model_to_the_terminal(capsys, tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\n\x9b31m\u202ename"
    stage = Tokenizer(inputCol=evil, outputCol=f"é {evil}")._resetUid(f"Tokenizer_{evil}")
    PipelineModel([stage]).save(tmp_path / "model")
    code, shown = run(capsys, "ml", "show", str(tmp_path / "model"))
    assert code == 0
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    assert r"é \x1b]0;owned\x07\x1b[2J\n\x9b31m\u202ename" in shown


def test_an_error_writes_no_control_characters_of_a_model_to_the_terminal(capsys, tmp_path):
    Tokenizer().save(tmp_path / "model")
    [metadata] = (tmp_path / "model" / "metadata").glob("part-*")
    fields = json.loads(metadata.read_text()) | {"class": "a.\x1b[2Jb\x07"}
    metadata.write_text(json.dumps(fields))
    code, shown = run(capsys, "ml", "show", str(tmp_path / "model"))
    assert code == 2
    assert r"a.\x1b[2Jb\x07 is unknown" in shown
    assert "\x1b" not in shown
