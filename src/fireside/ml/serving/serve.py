"""Serving a saved transformer over HTTP until the process is told to stop."""

import logging
from pathlib import Path

from fireside.core.extras import require
from fireside.ml.serving.description import load_transformer
from fireside.ml.serving.forced_end import ended_by_force
from fireside.ml.serving.server_config import PredictionServerConfig, check_host

__all__ = ["serve"]

logger = logging.getLogger(__name__)

GRACE_S = 5
"""Seconds that requests have to end in when the server is told to stop."""


def serve(directory: Path, *, host: str, port: int, limits: PredictionServerConfig) -> None:
    """Serve what lies in a directory.

    Args:
        directory: a saved pipeline model, or any other transformer.
        host: the address to listen on; without a key only one of this machine's own.
        port: 0 takes a free one, which the log names.
        limits: what clients may do.

    Raises:
        ConfigError: other machines could get in without a key.
        CheckpointError: the directory holds no transformer.
        MissingExtraError: the extra `serve` is not installed.
    """
    check_host(host, limits)
    for module in ("starlette", "prometheus_client"):
        require(module, extra="serve")
    uvicorn = require("uvicorn", extra="serve")
    from fireside.ml.serving.app import make_app

    app = make_app(load_transformer(directory), limits)
    # A second in which what has ended is answered.
    with ended_by_force(GRACE_S + 1):
        uvicorn.run(
            app,
            host=host,
            port=port,
            # uvloop has a pipe of its own for signals.
            loop="asyncio",
            log_level="info",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
