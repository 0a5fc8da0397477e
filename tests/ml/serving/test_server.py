"""The server of predictions, through its ASGI application and as a process."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fireside.core.errors import ConfigError
from fireside.ml import Pipeline, PipelineModel
from fireside.ml.classification import NaiveBayes
from fireside.ml.feature import DCT, HashingTF, StringIndexer, Tokenizer, VectorAssembler
from fireside.ml.linalg import DenseVector, SparseVector
from fireside.ml.serving.json_rows import read_rows, write_rows
from fireside.ml.serving.server_config import PredictionServerConfig, check_host
from tests.ml.serving.http_client import client_of

ROWS = {
    "text": ["a fire by the sea", "waves and salt", "a court and a clause", "the judge of the court"],
    "topic": ["sea", "sea", "law", "law"],
}
KEY = "correct horse"


@pytest.fixture(scope="module")
def model() -> PipelineModel:
    return Pipeline(
        stages=[
            StringIndexer(inputCol="topic", outputCol="label"),
            Tokenizer(inputCol="text", outputCol="words"),
            HashingTF(inputCol="words", outputCol="features", numFeatures=64),
            NaiveBayes(),
        ]
    ).fit(ROWS)


@pytest.fixture(scope="module")
def client(model: PipelineModel) -> TestClient:
    return client_of(model)


def error_of(response: Any) -> str:
    return response.json()["error"]["message"]


def test_a_row_is_answered_with_what_transform_gives(model, client):
    expected = model.transform([{"text": "salt of the sea"}])[0]
    answer = client.post("/predict", json={"text": "salt of the sea"})
    assert answer.status_code == 200
    assert answer.json() == {
        "rawPrediction": expected["rawPrediction"].toArray().tolist(),
        "probability": expected["probability"].toArray().tolist(),
        "prediction": expected["prediction"],
    }


def test_a_batch_is_answered_in_its_order(model, client):
    rows = [{"text": text} for text in ROWS["text"]]
    answers = client.post("/predict", json=rows).json()
    expected = model.transform(rows)
    assert [row["prediction"] for row in answers] == [row["prediction"] for row in expected]
    assert client.post("/predict", json=[]).json() == []


def test_outputs_can_be_named_and_sparse_vectors_travel_both_ways(model):
    served = client_of(model, PredictionServerConfig(outputs=("features",)))
    row = {"text": "fire"}
    vector = model.transform([row])[0]["features"]
    sent = {"size": 64, "indices": vector.indices.tolist(), "values": vector.values.tolist()}
    assert served.post("/predict", json=row).json() == {"features": sent}
    bayes = client_of(model.stages[-1], PredictionServerConfig(outputs=("prediction",)))
    found = [bayes.post("/predict", json={"features": v}).json() for v in (sent, vector.toArray().tolist())]
    assert found == [{"prediction": model.transform([row])[0]["prediction"]}] * 2


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("{", 422, "the body is not valid JSON"),
        ("3", 422, "the body must be a row"),
        ("[1]", 422, "the body must be a row"),
        ('{"txt": "a"}', 422, "there is no column 'text'; did you mean 'txt'?"),
        ('{"text": 3}', 422, "column 'text' is double, but a string is needed"),
        ('{"text": null}', 422, "column 'text' has a null"),
        ('[{"text": "a"}, {"text": null}]', 422, "column 'text' has a null (row 1"),
        ('{"text": "a", "words": []}', 422, "column 'words' exists already"),
        ('{"text": "a", "v": {"size": 1, "indices": [1], "values": [1]}}', 422, "column 'v': index 1 is not"),
        ('{"text": "a", "v": {"size": 1, "indices": ["x"], "values": [1]}}', 422, "column 'v': a sparse"),
        (
            '{"text": "a", "v": {"size": -1, "indices": [], "values": []}}',
            422,
            "column 'v': the size of a vec",
        ),
        ('{"text": "a", "v": {"size": 1e30, "indices": [], "values": []}}', 422, "column 'v': a sparse"),
        (
            '[{"text": "a", "v": {"size": 1, "indices": [], "values": []}}, {"text": "a", "v": 5}]',
            422,
            "holds 5",
        ),
        (
            '{"text": "a", "n": 9223372036854775809}',
            422,
            "column 'n' has 9223372036854775809, which no double",
        ),
        ('{"text": "a", "n": 1e999}', 422, "the body is not valid JSON"),
        ('{"text": "a", "n": NaN}', 422, "the body is not valid JSON"),
        ('{"text": "\\ud800"}', 422, "the body is not valid JSON"),
        ("", 422, "the body is not valid JSON"),
        ("[" * 20_000, 413, "larger than"),
        ("[" * 4_000, 422, "the body is not valid JSON"),
        ("{}", 422, "row 0 has no columns"),
        ('[{"text": "a"}, {"text": 3}]', 422, "cannot be made of its values: Expected"),
        ('[{"text": "a"}, {}]', 422, "row 1 has no column 'text', which row 0 has"),
        ('{"text": "a", "topic": "rivers"}', 422, "column 'topic' has the unseen label 'rivers'"),
        ('{"text": "' + "a" * 5000 + '"}', 413, "larger than 4096 bytes"),
        ("[" + ", ".join(['{"text": "a"}'] * 9) + "]", 413, "9 rows in one request: send at most 8"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(model, body, status, message):
    limits = PredictionServerConfig(max_body_bytes=4096, max_rows=8)
    served = client_of(model, limits)
    answer = served.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert message in error_of(answer)
    if "column 'text'" in message and "which row" not in message:
        assert model.stages[1].uid in error_of(answer)
    # The server goes on.
    assert served.post("/predict", json={"text": "sea"}).status_code == 200


def test_other_content_types_paths_and_methods_are_refused(client):
    assert client.post("/predict", content="a=1").status_code == 415
    assert client.get("/predict").status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert "error" in client.get("/nowhere").json()


def test_every_path_but_health_needs_the_key(model):
    served = client_of(model, PredictionServerConfig(api_key=KEY))
    assert served.get("/health").json() == {"status": "ok"}
    for headers in ({}, {"Authorization": "Bearer wrong key"}, {"Authorization": KEY}):
        for path in ("/schema", "/metrics"):
            assert served.get(path, headers=headers).status_code == 401
        assert served.post("/predict", json={"text": "a"}, headers=headers).status_code == 401
    right = {"Authorization": f"Bearer {KEY}"}
    assert served.post("/predict", json={"text": "a"}, headers=right).status_code == 200
    assert served.get("/metrics", headers=right).status_code == 200


def test_the_scheme_of_the_key_is_written_in_any_case(model):
    served = client_of(model, PredictionServerConfig(api_key=KEY))
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert served.get("/schema", headers={"Authorization": f"{scheme} {KEY}"}).status_code == 200
    for wrong in (f"Basic {KEY}", "Bearer", f"Bearer{KEY}", f"bearer {KEY}!"):
        answer = served.get("/schema", headers={"Authorization": wrong})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_without_a_key_only_this_machines_names_are_answered(model):
    keyless, keyed = client_of(model), client_of(model, PredictionServerConfig(api_key=KEY))
    for host in ("evil.example.com", "evil.example.com:8400", "192.168.0.7", "localhost.example.com"):
        for path in ("/health", "/schema", "/metrics"):
            assert keyless.get(path, headers={"Host": host}).status_code == 403
        answer = keyless.post("/predict", json={"text": "a"}, headers={"Host": host})
        assert answer.status_code == 403
        assert f"own names only, not to {host!r}" in error_of(answer)
        assert keyed.get("/health", headers={"Host": host}).status_code == 200
    for host in ("localhost:8400", "127.0.0.1:8400", "[::1]:8400"):
        assert keyless.get("/schema", headers={"Host": host}).status_code == 200


def test_sparse_vectors_are_no_larger_than_the_limit_together():
    stage = DCT(inputCol="v", outputCol="o")
    served = client_of(stage, PredictionServerConfig(max_vector_entries=16))

    def row(size: int) -> dict[str, Any]:
        return {"v": {"size": size, "indices": [1], "values": [1]}}

    assert served.post("/predict", json=[row(8), row(8)]).status_code == 200
    for rows in (row(17), [row(8), row(8), row(1 << 4)], row((1 << 31) - 1)):
        answer = served.post("/predict", json=rows)
        assert answer.status_code == 413
        assert "send at most 16" in error_of(answer)
    assert client_of(stage).post("/predict", json=row(20_000_000)).status_code == 413


def test_the_schema_tells_columns_and_kinds(client):
    found = client.get("/schema").json()
    assert [(column["name"], column["kinds"]) for column in found["inputs"]] == [
        ("topic", ["string", "number"]),
        ("text", ["string"]),
    ]
    assert found["outputs"] == ["label", "rawPrediction", "probability", "prediction"]
    assert len(found["stages"]) == 4


def test_metrics_count_requests_and_rows(model):
    served = client_of(model)
    served.post("/predict", json={"text": "a"})
    served.post("/predict", json=[{"text": "a"}, {"text": "b"}])
    served.post("/predict", json={"txt": "a"})
    served.get("/unknown-1")
    served.get("/unknown-2")
    text = served.get("/metrics").text
    assert 'fireside_ml_requests_total{path="/predict",status="200"} 2.0' in text
    assert 'fireside_ml_requests_total{path="/predict",status="422"} 1.0' in text
    assert 'fireside_ml_requests_total{path="other",status="404"} 2.0' in text
    assert "fireside_ml_rows_total 3.0" in text
    assert "fireside_ml_predict_seconds_count 2.0" in text


def test_a_defect_is_not_shown_to_clients(model, monkeypatch, caplog):
    broken = VectorAssembler(inputCols=["a"], outputCol="v")
    served = client_of(broken)
    # A param that was broken behind the back of its checks stands for any defect.
    monkeypatch.setattr(VectorAssembler, "_row_function", lambda self, schema: 1 / 0)
    answer = served.post("/predict", json={"a": 1.0})
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_rows_that_are_skipped_are_null():
    stage = VectorAssembler(inputCols=["a"], outputCol="v", handleInvalid="skip")
    served = client_of(stage)
    assert served.post("/predict", json={"a": None}).json() is None
    rows = [{"a": 1.0}, {"a": None}, {"a": 0.5}]
    assert served.post("/predict", json=rows).json() == [{"v": [1.0]}, None, {"v": [0.5]}]


def test_json_has_no_nan_so_it_is_null():
    values = {
        "a": float("nan"),
        "v": DenseVector([1.0, float("inf")]),
        "s": SparseVector(9, {1: float("nan")}),
    }
    assert json.loads(write_rows(values)) == {
        "a": None,
        "v": [1.0, None],
        "s": {"size": 9, "indices": [1], "values": [None]},
    }
    assert read_rows(b'{"a": {"other": 1}}') == {"a": {"other": 1}}


def test_columns_that_no_stage_reads_can_be_answered_and_unknown_ones_are_named(model):
    served = client_of(model, PredictionServerConfig(outputs=("id", "prediction")))
    rows = [{"id": "ü", "text": "fire"}, {"id": None, "text": "law"}]
    assert [row["id"] for row in served.post("/predict", json=rows).json()] == ["ü", None]
    answer = served.post("/predict", json={"idd": 1, "text": "fire"})
    assert answer.status_code == 422
    assert "no column 'id'; did you mean 'idd'" in error_of(answer)


def test_a_label_that_new_rows_have_not_is_told_once(model, caplog):
    served = client_of(model.copy())
    for _ in range(3):
        assert served.post("/predict", json=[{"text": "fire"}, {"text": "law"}]).status_code == 200
    told = [record for record in caplog.records if "there is no column 'topic'" in record.getMessage()]
    assert len(told) <= 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.com"])
def test_other_machines_need_a_key(host):
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        check_host(host, PredictionServerConfig())
    check_host(host, PredictionServerConfig(api_key=KEY))
    with pytest.raises(ConfigError, match="at least 8"):
        PredictionServerConfig(api_key="short")


def test_the_command_serves_a_saved_pipeline(model, tmp_path):
    model.save(tmp_path / "model")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "fireside"), "ml", "serve", str(tmp_path / "model")]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--output", "prediction"],
        env={**os.environ, "FIRESIDE_API_KEY": KEY},
        stderr=subprocess.PIPE,
    )
    try:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/predict",
            b'{"text": "the court"}',
            {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        expected = model.transform([{"text": "the court"}])[0]["prediction"]
        assert json.loads(when_up(request, process)) == {"prediction": expected}
    finally:
        process.terminate()
        process.communicate(timeout=30)


def when_up(
    request: urllib.request.Request, process: subprocess.Popen[bytes], seconds: float = 60.0
) -> bytes:
    """The answer to a request, once the server listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < end
        time.sleep(0.1)
