"""A model behind OpenAI's API, on this machine."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.weight_format import WeightFormat
from fireside.lm.policy_checkpoint import load_policy
from fireside.lm.server.http_server import HttpServer, check_host
from fireside.lm.server.server_config import ServerConfig
from fireside.recipes.model_files import load_model, name_of_model

__all__ = ["serve"]


def serve(
    path: Path | None,
    config: ServerConfig,
    *,
    policy: Path | None = None,
    name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    kv_cache_bytes: int | None = None,
    num_draft_tokens: int = 0,
    weights: WeightFormat = "fp32",
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
        num_draft_tokens: tokens to guess and verify in one step, see `EngineConfig`.
        weights: how the model's matrices are stored, see `EngineConfig`.
        on_start: called with the model's name and the address when requests are answered.

    Raises:
        ConfigError: a host that others can reach, without an API key.
        InputError: a model that cannot be read, or an address that cannot be used.
        CheckpointError: a model or policy that is damaged, or do not belong together.
    """
    check_host(host, config)
    model, tokenizer = load_model(path)
    version = load_policy(policy, model) if policy is not None else 0
    name = name or name_of_model(path)
    limits = EngineConfig(model_name=name, num_draft_tokens=num_draft_tokens, weights=weights)
    if kv_cache_bytes is not None:
        limits = dataclasses.replace(limits, kv_cache_bytes=kv_cache_bytes)
    engine = Engine(model, tokenizer, limits, version=version)
    del model  # the engine has copies
    server = HttpServer(engine, config, host=host, port=port)
    server.run(lambda: on_start(name, server.url))
