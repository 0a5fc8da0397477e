"""Two hundred clients at once on a server in a process of its own, most of them up to no good.

Memory for keys and values is a fraction of what the honest ones need together, so that sequences are
preempted all the time. Every honest client gets the answer that it gets alone.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

FIRESIDE = Path(sys.executable).parent / "fireside"
CLIENTS = 200
LONG = 700
ClientOf = Callable[..., Any]


def chat(**changes: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": [{"role": "user", "content": "a fire by the sea"}],
        "max_tokens": 24,
        **changes,
    }


# What is wrong, the status, and what the message says.
BAD: dict[str, tuple[Any, int, str]] = {
    "prompt longer than the context": (
        chat(messages=[{"role": "user", "content": "fire " * 2000}]),
        400,
        "context 1024: shorten",
    ),
    "no tokens": (chat(max_tokens=0), 400, "max_tokens is 0"),
    "huge max_tokens": (chat(max_tokens=10**15), 400, "writes from 1 to 2048 tokens"),
    "half a body": (b'{"model": "tiny", "messages": [', 400, "truncated"),
    "not UTF-8": (b'{"model": "\xff"}', 400, "utf-8"),
    "another model": (chat(model="gpt-9"), 404, "no model 'gpt-9' here"),
    "more answers than there are": (chat(n=17), 400, "at most 16"),
    "a schema that cannot be": (
        chat(
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "strange"}},
            }
        ),
        400,
        "strange",
    ),
}


@pytest.fixture
def url(model_directory: Path) -> Iterator[str]:
    """A server whose keys and values have 1 MiB: eight sequences of the whole context."""
    server = subprocess.Popen(
        [FIRESIDE, "serve", model_directory, "--port", "0", "--kv-cache-mib", "1", "--max-waiting", "96"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[3].removesuffix("/v1;")
        assert server.poll() is None
    finally:
        server.terminate()
        assert server.wait(timeout=60) == 0
        server.stdout.close()


def metrics(url: str) -> dict[str, float]:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=60).text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def refused(url: str, what: str) -> str:
    """A bad request; what is wrong with the answer, if anything is."""
    body, status, complaint = BAD[what]
    content = body if isinstance(body, bytes) else json.dumps(body)
    while True:
        response = httpx.post(
            f"{url}/v1/chat/completions",
            content=content,
            headers={"Content-Type": "application/json"},
            timeout=120,
        )
        if response.status_code != 429:
            break
        # Some faults show only to those who are let in.
        time.sleep(float(response.headers["retry-after"]))
    error = response.json().get("error", {})
    told = response.status_code == status and complaint in error.get("message", "")
    return "" if told and error.keys() == {"message", "type", "param", "code"} else f"{what}: {response.text}"


def leave(url: str, seed: int) -> str:
    """Begin a long stream, and go without a word."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    body = json.dumps(chat(max_tokens=LONG, seed=seed, stream=True))
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status == 200:
        response.readline()
    wrong = "" if response.status in (200, 429) else f"leaver: {response.read()!r}"
    response.close()
    connection.close()
    return wrong


@pytest.mark.slow
def test_two_hundred_clients_of_all_kinds_and_every_honest_one_is_answered_as_if_alone(
    url: str, client_of: ClientOf
) -> None:
    with client_of(url, max_retries=100) as client:

        def answer(seed: int) -> str:
            length = LONG if seed % 3 == 0 else 24
            asked = chat(seed=seed, max_tokens=length)
            if seed % 2:
                whole = client.chat.completions.create(**asked)
                return str(whole.choices[0].message.content)
            parts = client.chat.completions.create(**asked, stream=True)
            return "".join(part.choices[0].delta.content or "" for part in parts)

        alone = [answer(seed) for seed in range(12)]
        assert len(set(alone)) == 12
        start = threading.Barrier(CLIENTS)
        kinds = list(BAD)

        def one(number: int) -> str:
            start.wait()
            if number % 4 == 0:
                return refused(url, kinds[number // 4 % len(kinds)])
            if number % 4 == 1:
                return leave(url, seed=number)
            seed = number % 12
            try:
                return "" if answer(seed) == alone[seed] else f"seed {seed}: another answer"
            except openai.APIError as error:
                return f"seed {seed}: {error}"

        with ThreadPoolExecutor(CLIENTS) as pool:
            wrong = Counter(filter(None, pool.map(one, range(CLIENTS))))
        assert not wrong

        end = time.monotonic() + 60
        while (now := metrics(url))["fireside_running_sequences"] or now["fireside_waiting_sequences"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}
        assert [answer(seed) for seed in range(12)] == alone
