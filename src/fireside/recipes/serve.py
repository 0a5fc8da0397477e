"""A model behind OpenAI's API, on this machine."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from fireside.core.checkpoint import MANIFEST
from fireside.core.config import from_dict
from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.convert.hugging_face import load_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.policy_checkpoint import load_policy
from fireside.lm.server.http_server import HttpServer, check_host
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.training_checkpoint import load_weights, read_state
from fireside.lm.transformer import Transformer
from fireside.recipes.local_agent import MODEL_NAME
from fireside.recipes.training_run import run_of_checkpoint

__all__ = ["load_model", "serve"]


def serve(
    path: Path | None,
    config: ServerConfig,
    *,
    policy: Path | None = None,
    name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    kv_cache_bytes: int | None = None,
    on_start: Callable[[str, str], None] = lambda name, url: None,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C.

    Args:
        path: as for `load_model`.
        config: limits of the server.
        policy: trained weights to lay over the model, as the demonstration leaves them in `RUN/policy`.
        name: what clients call the model; by default the name of its file or directory.
        host: an address of this machine.
        port: 0 takes any that is free.
        kv_cache_bytes: memory for keys and values.
        on_start: called with the model's name and the address when requests are answered.

    Raises:
        ConfigError: a host that others can reach, without an API key.
        InputError: a model that cannot be read, or an address that cannot be used.
        CheckpointError: a model or policy that is damaged, or do not belong together.
    """
    check_host(host, config)
    model, tokenizer = load_model(path)
    version = load_policy(policy, model) if policy is not None else 0
    name = name or (MODEL_NAME if path is None else path.resolve().name)
    limits = EngineConfig(model_name=name)
    if kv_cache_bytes is not None:
        limits = dataclasses.replace(limits, kv_cache_bytes=kv_cache_bytes)
    engine = Engine(model, tokenizer, limits, version=version)
    server = HttpServer(engine, config, host=host, port=port)
    server.run(lambda: on_start(name, server.url))


def load_model(path: Path | None) -> tuple[Transformer, Tokenizer]:
    """A model and its tokenizer.

    Args:
        path: a directory in Hugging Face's format, a GGUF file, or a checkpoint that `fireside mix train`
            left, such as `RUN/checkpoints/step-00001000`; `None` is SmolLM2-135M-Instruct from its package.

    Raises:
        InputError: there is nothing of the kind at `path`.
        CheckpointError: it is damaged.
        MissingExtraError: the package of the default model is not installed.
    """
    if path is None:
        return load_gguf(find_smollm2())
    if path.is_file():
        return load_gguf(path)
    if not path.is_dir():
        raise InputError(f"{path} is neither a file nor a directory: name a model")
    if (path / MANIFEST).is_file() and not (path / "config.json").is_file():
        tokenizer = run_of_checkpoint(path).tokenizer
        model = Transformer(from_dict(ModelConfig, read_state(path).model), seed=0)
        load_weights(model, path)
        return model, tokenizer
    return load_hugging_face(path)
