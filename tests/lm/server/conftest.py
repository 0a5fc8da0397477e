"""A real server on a free port of this machine, over a random model small enough for any test."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import openai
import pytest
import torch

from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.server.http_server import HttpServer
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|endoftext|>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
MODEL = "tiny"
MakeEngine = Callable[..., Engine]
Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def chat_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp("tokenizer")
    Tokenizer.train_bpe(["a fire by the sea, a fire by the shore"], vocab_size=280).save(directory)
    settings = directory / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "chat_template": TEMPLATE}))
    return Tokenizer.load(directory)


def tiny_model(tiny: Callable[..., ModelConfig], vocab_size: int, context_length: int = 1024) -> Transformer:
    """Random weights large enough that choices differ; it rarely ends by itself."""
    config = tiny(
        "0_1s_1s_3s_3s_0",
        vocab_size=vocab_size,
        window=7,
        tie_embeddings=False,
        context_length=context_length,
    )
    model = Transformer(config, seed=11)
    with torch.no_grad():
        model.lm_head.weight[0] = 0.0  # the end token
    return model


@pytest.fixture
def make_engine(tiny: Callable[..., ModelConfig], chat_tokenizer: Tokenizer) -> MakeEngine:
    def make(*, context_length: int = 1024, **limits: object) -> Engine:
        model = tiny_model(tiny, chat_tokenizer.vocab_size, context_length)
        return Engine(model, chat_tokenizer, EngineConfig(model_name=MODEL, **limits))  # type: ignore[arg-type]

    return make


@pytest.fixture
def model_directory(tiny: Callable[..., ModelConfig], chat_tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """The same model on disk, in Hugging Face's format."""
    save_hugging_face(tmp_path / MODEL, tiny_model(tiny, chat_tokenizer.vocab_size), chat_tokenizer)
    return tmp_path / MODEL


@pytest.fixture
def serve() -> Serve:
    """Serves an engine in a thread; gives the address."""

    @contextmanager
    def serving(engine: Engine, **limits: object) -> Iterator[str]:
        server = HttpServer(engine, ServerConfig(**limits))  # type: ignore[arg-type]
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

    return serving


@pytest.fixture
def client_of() -> Callable[..., AbstractContextManager[openai.OpenAI]]:
    """OpenAI's own client, which does not try again by itself."""

    def make(url: str, api_key: str = "not-needed", **settings: object) -> openai.OpenAI:
        settings = {"max_retries": 0, "timeout": 120, **settings}
        return openai.OpenAI(base_url=f"{url}/v1", api_key=api_key, **settings)  # type: ignore[arg-type]

    return make
