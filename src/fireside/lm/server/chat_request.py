"""The body of `POST /v1/chat/completions`."""

from typing import Any, Literal

from msgspec import Struct

from fireside.lm.server.sampling_fields import SamplingFields

__all__ = [
    "ChatMessage",
    "ChatRequest",
    "ContentPart",
    "Function",
    "FunctionCall",
    "NamedFunction",
    "NamedTool",
    "ResponseFormat",
    "SchemaFormat",
    "Tool",
    "ToolCall",
]


class ContentPart(Struct, forbid_unknown_fields=True):
    """A part of a message; only text can be read."""

    type: Literal["text"]
    text: str


class FunctionCall(Struct, forbid_unknown_fields=True):
    """What an assistant called; `arguments` is JSON in a string."""

    name: str
    arguments: str


class ToolCall(Struct, forbid_unknown_fields=True):
    """A call with the id that its answer names."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class ChatMessage(Struct):
    """One turn; what other servers and clients add to it is passed over."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class Function(Struct, forbid_unknown_fields=True):
    """What can be called; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct, forbid_unknown_fields=True):
    """A function under its kind."""

    type: Literal["function"]
    function: Function


class NamedFunction(Struct, forbid_unknown_fields=True):
    """The name of a function."""

    name: str


class NamedTool(Struct, forbid_unknown_fields=True):
    """The one function that must be called."""

    type: Literal["function"]
    function: NamedFunction


class SchemaFormat(Struct, forbid_unknown_fields=True):
    """A JSON schema under a name."""

    name: str
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(Struct, forbid_unknown_fields=True):
    """What the answer must be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None


class ChatRequest(SamplingFields, kw_only=True, forbid_unknown_fields=True):
    """A conversation to be continued."""

    messages: list[ChatMessage]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
