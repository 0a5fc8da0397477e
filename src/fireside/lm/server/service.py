"""What all requests of a server share."""

import time
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from fireside.lm.engine.engine import Engine
from fireside.lm.server.admission import Admission
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.server.server_metrics import ServerMetrics

__all__ = ["Service", "service_of"]


@dataclass(frozen=True, slots=True)
class Service:
    """An engine with what a server keeps beside it.

    Attributes:
        engine: runs the model.
        config: limits.
        admission: counts choices.
        metrics: counts everything else.
        created: when the server started, in seconds since the epoch.
    """

    engine: Engine
    config: ServerConfig
    admission: Admission
    metrics: ServerMetrics
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def fingerprint(self) -> str:
        """Changes when the weights do."""
        return f"fireside-v{self.engine.version}"

    def check_model(self, name: str) -> None:
        """Refuse other models than the one that is served.

        Raises:
            ApiError: 404.
        """
        if name != self.engine.model_name:
            raise ApiError(
                404,
                f"there is no model {name!r} here: ask for {self.engine.model_name!r}",
                code="model_not_found",
                param="model",
            )


def service_of(request: Request) -> Service:
    """The service of the application that a request came to."""
    return cast(Service, request.app.state.service)
