"""An OpenAI-compatible endpoint that a user names: opened, and asked one word before anything long begins."""

import os

from fireside.agents.endpoint import EndpointConfig, EndpointSampler
from fireside.core.errors import ConfigError
from fireside.core.protocols import Message, SampleRequest, SamplingParams

__all__ = ["API_KEY_VARIABLE", "open_endpoint"]

API_KEY_VARIABLE = "FIRESIDE_API_KEY"
"""The key is read from the environment: arguments can be seen by every user of a machine."""


def open_endpoint(base_url: str | None, model: str | None) -> EndpointSampler | None:
    """The endpoint, after it has answered once; `None` where none is named.

    Args:
        base_url: up to and including the version, such as `http://localhost:8000/v1`.
        model: the model's name there.

    Raises:
        ConfigError: one of the two is missing, or the address is none.
        EndpointError: it cannot be reached, refuses the key, or answers with something else.

    >>> open_endpoint("http://localhost:8000/v1", None)
    Traceback (most recent call last):
    fireside.core.errors.ConfigError: an endpoint needs an address and the name of its model, got ...
    """
    if base_url is None and model is None:
        return None
    if base_url is None or model is None:
        raise ConfigError(
            f"an endpoint needs an address and the name of its model, got {base_url!r} and {model!r}"
        )
    config = EndpointConfig(base_url=base_url, model=model)
    sampler = EndpointSampler(config, api_key=os.environ.get(API_KEY_VARIABLE))
    hello = sampler.chat_tokens([Message("user", "Say yes.")], first=True)
    sampler.sample([SampleRequest(hello, SamplingParams(max_tokens=1, temperature=0.0))])
    return sampler
