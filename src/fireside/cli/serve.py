"""`fireside serve`: a model behind OpenAI's API, with a page to chat on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["serve"]


def serve(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A directory in Hugging Face's format, a GGUF file or a training checkpoint.",
            show_default="SmolLM2-135M-Instruct",
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Trained weights to lay over it, such as RUN/policy of a demo run.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What clients call the model.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    api_key: Annotated[
        str | None, typer.Option(envvar="FIRESIDE_API_KEY", help="What clients must send as bearer token.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of one answer.")] = 2048,
    max_waiting: Annotated[
        int, typer.Option(min=0, help="Answers that may wait; then clients get 429.")
    ] = 64,
    kv_cache_mib: Annotated[int, typer.Option(min=1, help="Memory for keys and values.")] = 2048,
    speculate: Annotated[
        int, typer.Option(min=0, help="Tokens to guess from the text itself and verify in one step.")
    ] = 0,
    weights: Annotated[
        Literal["fp32", "int8"], typer.Option(help="int8: a quarter of the memory, faster, rounded.")
    ] = "fp32",
) -> None:
    """Serve a model over OpenAI's API, until Ctrl-C."""
    from fireside.lm.server.server_config import ServerConfig
    from fireside.recipes.serve import serve as run

    run(
        model,
        ServerConfig(api_key=api_key, max_tokens=max_tokens, max_waiting=max_waiting),
        policy=policy,
        name=name,
        host=host,
        port=port,
        kv_cache_bytes=kv_cache_mib << 20,
        num_draft_tokens=speculate,
        weights=weights,
        on_start=lambda name, url: typer.echo(f"{name} answers at {url}/v1; chat at {url}/ (Ctrl-C ends)"),
    )
