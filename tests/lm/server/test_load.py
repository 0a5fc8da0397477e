"""Many clients, clients that leave, and the end of a server."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fireside.lm.engine.engine import Engine
from fireside.lm.server.http_server import _listen

MakeEngine = Callable[..., Engine]
Serve = Callable[..., AbstractContextManager[str]]
ClientOf = Callable[..., AbstractContextManager[openai.OpenAI]]
FIRESIDE = Path(sys.executable).parent / "fireside"
LONG = 900


def chat(**changes: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": [{"role": "user", "content": "a fire"}],
        "max_tokens": 20,
        "seed": 1,
        **changes,
    }


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def begun(url: str, body: dict[str, Any]) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A stream of which the first lines have come."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(
        "POST",
        "/v1/chat/completions",
        json.dumps({**body, "stream": True}),
        {"Content-Type": "application/json"},
    )
    response = connection.getresponse()
    assert response.status == 200
    response.readline()
    return connection, response


def test_a_client_that_leaves_its_stream_frees_its_memory_and_harms_no_other(
    make_engine: MakeEngine, serve: Serve
) -> None:
    engine = make_engine(remember_prefixes=False)
    with serve(engine) as url:
        wanted = httpx.post(f"{url}/v1/chat/completions", json=chat(seed=2)).json()["choices"]
        leaver, answer = begun(url, chat(max_tokens=LONG))
        wait_until(lambda: engine.load().num_running == 1)
        answer.close()
        leaver.close()
        other = httpx.post(f"{url}/v1/chat/completions", json=chat(seed=2)).json()["choices"]
        wait_until(lambda: engine.load().kv_bytes == 0)
        assert other == wanted
        assert engine.num_computed_tokens < LONG
        metrics = httpx.get(f"{url}/metrics").text
    assert "fireside_unfinished_total 1.0" in metrics


def test_a_client_that_does_not_wait_for_a_whole_answer_frees_its_memory(
    make_engine: MakeEngine, serve: Serve
) -> None:
    engine = make_engine(remember_prefixes=False)
    with serve(engine) as url:
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{url}/v1/chat/completions", json=chat(max_tokens=LONG, n=4), timeout=0.3)
        wait_until(lambda: engine.load().kv_bytes == 0 and engine.load().num_waiting == 0)
        assert engine.num_computed_tokens < 4 * LONG
        assert httpx.post(f"{url}/v1/chat/completions", json=chat()).status_code == 200


def test_a_full_queue_refuses_with_a_time_to_come_back(
    make_engine: MakeEngine, serve: Serve, client_of: ClientOf
) -> None:
    with serve(make_engine(max_sequences=1, max_batch_tokens=64), max_waiting=1) as url:
        streams = [begun(url, chat(max_tokens=LONG, seed=i)) for i in range(2)]
        refused = httpx.post(f"{url}/v1/chat/completions", json=chat())
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "queue_full"
        too_many = httpx.post(f"{url}/v1/chat/completions", json=chat(n=3))
        assert "room for 2" in too_many.json()["error"]["message"]
        with client_of(url) as client, pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**chat())
        for connection, answer in streams:
            answer.close()
            connection.close()
        # OpenAI's client comes back by itself.
        with client_of(url, max_retries=8) as client:
            assert client.chat.completions.create(**chat()).usage


@pytest.mark.slow
def test_two_hundred_clients_at_once_are_answered_alike_or_sent_away(
    make_engine: MakeEngine, serve: Serve, client_of: ClientOf
) -> None:
    engine = make_engine(max_sequences=16, max_batch_tokens=256, remember_prefixes=False)
    seeds = [i % 7 for i in range(200)]
    with serve(engine, max_waiting=64) as url, client_of(url) as client:
        wanted = {
            seed: client.chat.completions.create(**chat(seed=seed)).choices[0].message.content
            for seed in range(7)
        }
        start = threading.Barrier(200)

        def ask(i: int) -> str | None:
            start.wait()
            try:
                if i % 2:
                    return client.chat.completions.create(**chat(seed=seeds[i])).choices[0].message.content
                parts = client.chat.completions.create(**chat(seed=seeds[i], stream=True))
                return "".join(part.choices[0].delta.content or "" for part in parts)
            except openai.RateLimitError:
                return None

        with ThreadPoolExecutor(200) as pool:
            answers = list(pool.map(ask, range(200)))
        for seed, answer in zip(seeds, answers, strict=True):
            assert answer in (wanted[seed], None)
        # As many as there is room for at once were let in at least.
        assert sum(answer is not None for answer in answers) >= 80
        wait_until(lambda: engine.load().kv_bytes == 0)
        # With patience everyone is answered.
        with client_of(url, max_retries=50) as patient, ThreadPoolExecutor(100) as pool:
            again = list(
                pool.map(
                    lambda i: (
                        patient.chat.completions.create(**chat(seed=seeds[i])).choices[0].message.content
                    ),
                    range(100),
                )
            )
        assert again == [wanted[seed] for seed in seeds[:100]]


def test_requests_that_share_the_engine_are_answered_as_if_alone(
    make_engine: MakeEngine, serve: Serve, client_of: ClientOf
) -> None:
    with serve(make_engine(max_sequences=4, max_batch_tokens=32)) as url:
        alone = [httpx.post(f"{url}/v1/chat/completions", json=chat(seed=i)).json() for i in range(12)]

        def ask(seed: int) -> Any:
            return httpx.post(f"{url}/v1/chat/completions", json=chat(seed=seed), timeout=120).json()

        with ThreadPoolExecutor(12) as pool:
            together = list(pool.map(ask, range(12)))
    assert [one["choices"] for one in together] == [one["choices"] for one in alone]


def test_metrics_are_what_prometheus_reads_and_count_what_happened(
    make_engine: MakeEngine, serve: Serve
) -> None:
    with serve(make_engine()) as url:
        usage = httpx.post(f"{url}/v1/chat/completions", json=chat()).json()["usage"]
        httpx.post(f"{url}/v1/chat/completions", json=chat(stream=True))
        httpx.post(f"{url}/v1/chat/completions", json=chat(max_tokens=0))
        httpx.get(f"{url}/made-up-by-a-client")
        text = httpx.get(f"{url}/metrics").text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["fireside_requests_total", "/v1/chat/completions", "200"] == 2
    assert found["fireside_requests_total", "/v1/chat/completions", "400"] == 1
    assert found["fireside_requests_total", "other", "404"] == 1
    assert found["fireside_prompt_tokens_total",] == 2 * usage["prompt_tokens"]
    assert found["fireside_answer_tokens_total",] == 2 * usage["completion_tokens"]
    assert found["fireside_first_token_seconds_count",] == 1
    assert found["fireside_running_sequences",] == found["fireside_waiting_sequences",] == 0
    assert found["fireside_kv_cache_capacity_bytes",] == 2 << 30
    assert found["fireside_drafted_tokens_total",] == found["fireside_accepted_tokens_total",] == 0
    assert "made-up" not in text


@pytest.fixture
def process(model_directory: Path) -> Any:
    """`fireside serve` as a process of its own."""
    server = subprocess.Popen(
        [FIRESIDE, "serve", model_directory, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    try:
        yield server, line.split()[3].removesuffix("/v1;")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_a_server_that_is_told_to_stop_finishes_what_runs_and_refuses_what_is_new(process: Any) -> None:
    server, url = process
    whole = httpx.post(f"{url}/v1/chat/completions", json=chat(max_tokens=300), timeout=60).json()
    connection, answer = begun(url, chat(max_tokens=300))
    server.send_signal(signal.SIGTERM)

    def refuses() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5):
                return False
        except ConnectionRefusedError:
            return True

    wait_until(refuses)
    lines = answer.read().decode().strip("\n").split("\n\n")
    connection.close()
    assert lines.pop() == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    assert server.wait(timeout=30) == 0


def test_what_a_connection_writes_is_sent_at_once() -> None:
    found: list[int] = []

    async def connect() -> None:
        done = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sock = writer.get_extra_info("socket")
            found.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            done.set()

        async with await asyncio.start_server(answer, sock=_listen("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await done.wait()
            writer.close()

    # In a thread of its own: a browser's test before this one may have left a loop that runs.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, connect()).result(30)
    assert found == [1]
