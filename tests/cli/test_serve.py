"""`fireside serve`, as a user runs it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

FIRESIDE = Path(sys.executable).parent / "fireside"


def refusal(*arguments: str, cwd: Path) -> str:
    """The one line that a command ends with."""
    environment = {name: value for name, value in os.environ.items() if name != "FIRESIDE_API_KEY"}
    done = subprocess.run(
        [FIRESIDE, "serve", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    server = subprocess.Popen(
        [FIRESIDE, "serve", *arguments, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        found = re.search(r"answers at (\S+)/v1", server.stdout.readline())
        assert found is not None
        yield found[1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.slow
def test_a_model_that_is_not_there_and_a_key_that_is_too_short_are_one_clear_line(tmp_path: Path) -> None:
    assert "nowhere is neither a file nor a directory" in refusal("nowhere", cwd=tmp_path)
    assert "holds no model" in refusal(".", cwd=tmp_path)
    assert "5 characters" in refusal("nowhere", "--api-key", "short", cwd=tmp_path)


@pytest.mark.slow
def test_others_are_let_in_only_with_a_key(tmp_path: Path) -> None:
    assert "0.0.0.0 can be reached from other machines" in refusal("--host", "0.0.0.0", cwd=tmp_path)


@pytest.mark.slow
def test_smollm2_answers_calls_and_writes_json() -> None:
    question: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
    with serving() as url, openai.OpenAI(base_url=f"{url}/v1", api_key="not-needed") as client:
        (model,) = client.models.list()
        asked: dict[str, Any] = {
            "model": model.id,
            "messages": question,
            "temperature": 0,
            "max_tokens": 40,
        }
        whole = client.chat.completions.create(**asked)
        assert "Paris" in (whole.choices[0].message.content or "")
        parts = client.chat.completions.create(**asked, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in parts)
        assert text == whole.choices[0].message.content
        schema = {
            "type": "object",
            "properties": {"capital": {"type": "string", "maxLength": 20}},
            "required": ["capital"],
            "additionalProperties": False,
        }
        shaped = client.chat.completions.create(
            **asked,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        )
        assert shaped.choices[0].finish_reason == "stop"
        assert (shaped.choices[0].message.content or "").startswith('{"capital"')
        tool: Any = {"type": "function", "function": {"name": "capital_of", "parameters": schema}}
        called = client.chat.completions.create(
            **asked, tools=[tool], tool_choice="required", parallel_tool_calls=False
        )
        assert [call.function.name for call in called.choices[0].message.tool_calls or []] == ["capital_of"]
