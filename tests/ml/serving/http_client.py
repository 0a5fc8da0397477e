"""A client of the server of predictions that asks this machine by its own name."""

from starlette.testclient import TestClient

from fireside.ml.base import Transformer
from fireside.ml.serving.app import make_app
from fireside.ml.serving.server_config import PredictionServerConfig


def client_of(model: Transformer, limits: PredictionServerConfig | None = None) -> TestClient:
    """Its defects come as answers, as over a connection."""
    return TestClient(make_app(model, limits), base_url="http://localhost", raise_server_exceptions=False)
