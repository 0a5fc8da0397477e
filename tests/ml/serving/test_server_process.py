"""The server as a process on loopback: clients that behave badly, many at once, and while it is stopped."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.ml import Pipeline, PipelineModel
from fireside.ml.feature import DCT, HashingTF, RegexTokenizer, StringIndexer, Tokenizer

JSON = {"Content-Type": "application/json"}
HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
FIRESIDE = str(Path(sys.executable).parent / "fireside")


@pytest.fixture(scope="module")
def model() -> PipelineModel:
    return Pipeline(
        stages=[
            Tokenizer(inputCol="text", outputCol="words"),
            HashingTF(inputCol="words", outputCol="counts", numFeatures=1 << 20),
            StringIndexer(inputCol="text", outputCol="index", handleInvalid="keep"),
        ]
    ).fit({"text": ["ä b", "c", "c"]})


class Served:
    """A server process, its port, and what it has written to a file."""

    def __init__(self, directory: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._log = log
        with log.open("wb") as errors:
            command = [FIRESIDE, "ml", "serve", str(directory), "--port", str(self.port)]
            self.process = subprocess.Popen(
                command, stderr=errors, env={**os.environ, "FIRESIDE_API_KEY": ""}
            )
        end = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", "/health")
                return
            except OSError:
                assert self.process.poll() is None, self.written()
                assert time.monotonic() < end
                time.sleep(0.1)

    def written(self) -> str:
        return self._log.read_text()

    def ask(self, method: str, path: str, rows: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, None if rows is None else json.dumps(rows), JSON)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(body) if path != "/metrics" else body.decode()

    def answers(self) -> bool:
        """Whether anything is answered, in a time in which a healthy server answers thousands."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except TimeoutError:
            return False
        finally:
            connection.close()

    def predict(self, rows: Any) -> tuple[int, Any]:
        return self.ask("POST", "/predict", rows)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


@pytest.fixture(scope="module")
def saved(model: PipelineModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("served") / "modèle ü"
    model.save(directory)
    return directory


@pytest.fixture(scope="module")
def served(saved: Path) -> Iterator[Served]:
    found = Served(saved, saved.parent / "server.log")
    yield found
    found.process.terminate()
    found.process.wait(30)


def answer_of(model: PipelineModel, text: str) -> dict[str, Any]:
    [row] = model.transform([{"text": text}])
    counts = row["counts"]
    sparse = {"size": counts.size, "indices": counts.indices.tolist(), "values": counts.values.tolist()}
    return {"counts": sparse, "index": row["index"]}


def test_many_clients_at_once_each_get_their_own_answer(model, served):
    texts = [f"clïent {number % 7} {'ä' * number}" for number in range(15)]
    # A row too long to be predicted between two others.
    texts.append("long " * 5000)
    wrong: list[Any] = []

    def client(text: str) -> None:
        expected = answer_of(model, text)
        for many in (1, 1, 30, 1, 7):
            rows = [{"text": text, "id": place} for place in range(many)]
            found = served.predict(rows if many > 1 else rows[0])
            if found != (200, [expected] * many if many > 1 else expected):
                wrong.append((text, many, found))

    threads = [threading.Thread(target=client, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_clients_that_leave_or_talk_nonsense_are_no_defects(served):
    body = json.dumps([{"text": "a b " * 50}] * 2000).encode()
    for sent in (
        HEAD % 100 + b"{",
        HEAD % len(body) + body,
        b"\x16\x03\x01 no HTTP\r\n\r\n",
        HEAD % -5,
        b"GET",
    ):
        with served.connect() as connection:
            connection.sendall(sent)
    with served.connect() as connection:
        connection.sendall(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
        assert connection.recv(99).startswith(b"HTTP/1.1 400")
    with served.connect() as connection:
        connection.sendall(HEAD % 10**9 + b" " * 5_000_000)
        assert connection.recv(99).startswith(b"HTTP/1.1 413")
    assert served.predict({"text": "c"})[0] == 200
    assert served.process.poll() is None
    assert "Traceback" not in served.written()


def test_a_batch_with_one_bad_row_is_refused_by_the_number_of_the_row(served):
    status, answer = served.predict([{"text": "a"}, {"text": "b"}, {"text": None}])
    assert (status, answer["error"]["type"]) == (422, "InputError")
    assert "column 'text' has a null (row 2" in answer["error"]["message"]


def test_told_to_stop_under_load_it_answers_what_it_has_begun_and_ends(saved, tmp_path):
    server = Served(saved, tmp_path / "server.log")
    outcomes: Counter[Any] = Counter()
    stopped = threading.Event()

    def client() -> None:
        while not stopped.is_set():
            try:
                outcomes[server.predict([{"text": "a b c"}] * 500)[0]] += 1
            except OSError as error:
                outcomes[type(error)] += 1
                time.sleep(0.05)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while outcomes[200] < 8:
        assert time.monotonic() < end
        time.sleep(0.05)
    with server.connect() as hanging:
        # A body that never arrives does not keep the server up.
        hanging.sendall(HEAD % 100 + b"{")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
    stopped.set()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {
        200,
        503,
        ConnectionRefusedError,
        ConnectionResetError,
        http.client.RemoteDisconnected,
    }
    assert "Traceback" not in server.written()
    assert "killed" not in server.written()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_although_a_prediction_does_not(tmp_path, told):
    # Backtracks for longer than anybody waits, and keeps Python's lock.
    stage = RegexTokenizer(inputCol="text", outputCol="words", pattern="(a+)+b")
    stage.save(tmp_path / "model")
    server = Served(tmp_path / "model", tmp_path / "server.log")
    body = json.dumps({"text": "a" * 64}).encode()
    with server.connect() as hanging:
        hanging.sendall(HEAD % len(body) + body)
        while server.answers():
            time.sleep(0.1)
        server.process.send_signal(told)
        server.process.wait(60)
    assert "a prediction has not ended in time: the server is killed" in server.written()


def test_other_paths_answer_while_a_row_is_predicted(tmp_path):
    stage = DCT(inputCol="v", outputCol="o")
    stage.save(tmp_path / "model")
    server = Served(tmp_path / "model", tmp_path / "server.log")
    answers: list[Any] = []
    row = {"v": {"size": 1 << 22, "indices": [1], "values": [1]}}
    body = json.dumps(row).encode()
    try:
        with server.connect() as slow:
            slow.sendall(HEAD % len(body) + body)
            slow.setblocking(False)
            while not answers or select.select([slow], [], [], 0)[0] == []:
                answers.append(server.ask("GET", "/health"))
        assert len(answers) > 1
        assert set(map(str, answers)) == {str((200, {"status": "ok"}))}
    finally:
        server.process.terminate()
        server.process.wait(60)


def test_a_damaged_directory_is_one_line_and_no_server(saved, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    for command in ("show", "serve"):
        ended = subprocess.run(
            [FIRESIDE, "ml", command, str(directory)], capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == 2
        assert "is not a saved stage, or is incomplete" in ended.stderr
        assert "Traceback" not in ended.stderr
