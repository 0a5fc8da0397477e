"""The body of `POST /v1/completions`."""

from fireside.lm.server.sampling_fields import SamplingFields

__all__ = ["CompletionRequest"]


class CompletionRequest(SamplingFields, kw_only=True, forbid_unknown_fields=True):
    """Texts to be continued; each is text or token ids.

    `echo`, `best_of` and `suffix` may be given only where they ask for nothing.
    """

    prompt: str | list[str | int | list[int]]
    logprobs: int | None = None
    echo: bool | None = None
    best_of: int | None = None
    suffix: str | None = None
