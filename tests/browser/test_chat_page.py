"""The chat page in a real browser: it streams, escapes, stops, and loads nothing from elsewhere."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fireside.core.protocols import Message, SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.server.http_server import HttpServer
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def engine_of(chat_tokenizer: Tokenizer) -> Engine:
    config = ModelConfig(
        vocab_size=chat_tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        layer_map="0_1s_1s_0",
        window=7,
        context_length=32_768,
        initializer_range=0.2,
    )
    return Engine(Transformer(config, seed=3), chat_tokenizer, EngineConfig(model_name="tiny <b>model</b>"))


@pytest.fixture(scope="module")
def chat_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp("tokenizer")
    plain = Tokenizer.train_bpe([MARKUP] * 4, vocab_size=300)
    plain.save(directory)
    template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|endoftext|>{% endfor %}[assistant]"
    (directory / "chat_template.jinja").write_text(template)
    return Tokenizer.load(directory)


def never_ending(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a model not end by itself: random weights otherwise do, once in a while at the first token."""
    run = engine._runner.run

    def endless(chunks: Any) -> Any:
        logits_BV = run(chunks).clone()
        logits_BV[:, engine.tokenizer.eos_id] = -1e6
        return logits_BV

    monkeypatch.setattr(engine._runner, "run", endless)


@contextmanager
def served(engine: Engine, **limits: Any) -> Iterator[str]:
    server = HttpServer(engine, ServerConfig(**limits))
    started = threading.Event()
    thread = threading.Thread(target=server.run, args=(started.set,))
    thread.start()
    try:
        assert started.wait(30)
        yield server.url
    finally:
        server.stop()
        thread.join(60)
    assert not thread.is_alive()


@contextmanager
def opened(browser: Any, url: str) -> Iterator[Any]:
    """The page, with everything it asked for and complained about."""
    page = browser.new_page()
    page.complaints, page.asked = [], []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: page.complaints.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: page.asked.append(request.url))
    page.set_default_timeout(30_000)
    page.goto(url)
    try:
        yield page
    finally:
        page.close()


def wait_for(page: Any, selector: str, pattern: str) -> None:
    """Until an element's text matches; no code is evaluated in the page, whose policy forbids it."""
    page.locator(selector).filter(has_text=re.compile(pattern)).first.wait_for()


def ask(page: Any, text: str, tokens: int) -> None:
    page.locator("details").evaluate("one => one.open = true")
    page.fill("#max-tokens", str(tokens))
    page.fill("#input", text)
    page.press("#input", "Enter")


def test_the_page_shows_what_the_model_writes_and_loads_nothing_from_elsewhere(
    browser: Any, chat_tokenizer: Tokenizer
) -> None:
    engine = engine_of(chat_tokenizer)
    with served(engine) as url, opened(browser, url) as page:
        wait_for(page, "#model", r"^tiny <b>model</b>$")
        page.locator("details").evaluate("one => one.open = true")
        page.fill("#temperature", "0")
        ask(page, MARKUP, 30)
        page.wait_for_selector(".assistant:not(.pending)")
        prompt = engine.chat_tokens([Message("user", MARKUP)], first=True)
        wanted = engine.sample([SampleRequest(prompt, SamplingParams(max_tokens=30, temperature=0))])[0]
        assert page.locator(".user").text_content() == MARKUP
        assert page.locator(".assistant").text_content() == wanted.text
        assert page.locator("main img, main script, header b").count() == 0
        assert page.complaints == []
        assert all(asked.startswith((f"{url}/", "data:")) for asked in page.asked)


def test_what_a_model_writes_is_text_and_not_markup(
    browser: Any, chat_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(chat_tokenizer)
    # A model that says nothing but markup, through the same path as any other.
    words = iter([*chat_tokenizer.encode(MARKUP), chat_tokenizer.eos_id])
    run = engine._runner.run

    def forced(chunks: Any) -> Any:
        logits_BV = run(chunks).clone()
        if len(logits_BV):
            logits_BV[:, next(words)] = 1e6
        return logits_BV

    monkeypatch.setattr(engine._runner, "run", forced)
    with served(engine) as url, opened(browser, url) as page:
        ask(page, "say it", 200)
        page.wait_for_selector(".assistant:not(.pending)")
        assert page.locator(".assistant").text_content() == MARKUP
        assert page.locator("main img, main script").count() == 0
        assert page.complaints == []


def test_an_answer_that_is_stopped_frees_the_engine_and_the_conversation_goes_on(
    browser: Any, chat_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(chat_tokenizer)
    never_ending(engine, monkeypatch)
    with served(engine, max_tokens=30_000) as url, opened(browser, url) as page:
        ask(page, "go on", 30_000)
        wait_for(page, ".assistant", r"\S\s*\S")
        page.click("#stop")
        page.wait_for_selector(".assistant:not(.pending)")
        page.wait_for_selector("#stop", state="hidden")
        ask(page, "and then?", 5)
        page.locator(".assistant:not(.pending)").nth(1).wait_for()
        assert page.locator(".error").count() == 0
        end = time.monotonic() + 30
        while engine.load().num_running and time.monotonic() < end:
            time.sleep(0.01)
        assert engine.load().num_running == 0
        assert engine.num_computed_tokens < 30_000
        page.click("#clear")
        assert page.locator(".turn").count() == 0


def test_errors_are_shown_and_a_key_can_be_given(
    browser: Any, chat_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(chat_tokenizer)
    never_ending(engine, monkeypatch)
    with served(engine, api_key="correct horse") as url, opened(browser, url) as page:
        wait_for(page, "#model", "API key is missing")
        ask(page, "hello", 5)
        page.wait_for_selector(".error")
        assert "API key is missing" in page.locator(".error").text_content()
        page.fill("#key", "correct horse")
        page.press("#key", "Tab")
        wait_for(page, "#model", r"^tiny <b>model</b>$")
        ask(page, "hello", 5)
        page.wait_for_selector(".assistant:not(.pending)")


def test_the_policy_lets_nothing_inline_run_and_nobody_frame_the_page(
    browser: Any, chat_tokenizer: Tokenizer
) -> None:
    with served(engine_of(chat_tokenizer)) as url, opened(browser, url) as page:
        policy = page.request.get(url).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page.evaluate(
            "() => { const one = document.createElement('script');"
            " one.textContent = 'window.ran = true'; document.body.append(one); }"
        )
        assert page.evaluate("window.ran") is None
        assert any("Content Security Policy" in said for said in page.complaints)
