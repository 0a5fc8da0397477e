"""What a chat request asks the engine for: the tokens of the conversation, and the grammar of the answer."""

from collections.abc import Sequence

import msgspec

from fireside.core.protocols import Message
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.grammar import json_rule
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.chat_request import ChatMessage, ChatRequest, Tool
from fireside.lm.server.tool_calls import Call, call_text, tool_instructions, tool_rules

__all__ = ["chat_grammar", "chat_prompt"]


def chat_prompt(engine: Engine, asked: ChatRequest, tools: Sequence[Tool]) -> tuple[int, ...]:
    """Tokens of the conversation, up to where the assistant speaks.

    Args:
        engine: knows the model's template.
        asked: the request.
        tools: that may be called.

    Raises:
        ApiError: there are no messages, or one that says nothing.
        InputError: the model has no chat template, or its template refuses the conversation.
    """
    if not asked.messages:
        raise ApiError(400, "messages is empty: give at least one", param="messages")
    template = engine.tokenizer.chat_template
    natively = template is not None and template.takes_tools
    messages = [_plain(index, one, natively) for index, one in enumerate(asked.messages)]
    if tools and not natively:
        told = tool_instructions(tools)
        if messages[0].role == "system":
            messages[0] = Message("system", f"{messages[0].content}\n\n{told}")
        else:
            messages.insert(0, Message("system", told))
    given = [msgspec.to_builtins(tool) for tool in tools] if natively else []
    return engine.chat_tokens(messages, first=True, tools=given)


def chat_grammar(asked: ChatRequest, tools: Sequence[Tool]) -> str | None:
    """The grammar of the answer: its format, or calls, or either; `None` where anything goes.

    Raises:
        ApiError: a format of JSON without its schema.
    """
    text = _format_rule(asked)
    if not tools:
        return None if text is None else f"start: {text}"
    rules = tool_rules(tools, several=asked.parallel_tool_calls is not False)
    if asked.tool_choice not in (None, "auto"):
        return f"start: calls\n{rules}"
    if text is not None:
        return f"start: text | calls\ntext: {text}\n{rules}"
    return f"start: TEXT | calls\nTEXT: /(?s:.*)/ & ~/(?s:<tool_call>.*)/\n{rules}"


def _format_rule(asked: ChatRequest) -> str | None:
    wanted = asked.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return json_rule({"type": "object"})
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        raise ApiError(
            400,
            "response_format is json_schema without json_schema.schema: give the schema",
            param="response_format",
        )
    return json_rule(wanted.json_schema.schema)


def _plain(index: int, message: ChatMessage, natively: bool) -> Message:
    """A turn as text: calls and their results in the form that models are taught."""
    content = message.content
    parts = [content] if isinstance(content, str) else [part.text for part in content or ()]
    if message.role == "assistant":
        parts += [
            call_text(Call(call.function.name, call.function.arguments)) for call in message.tool_calls or ()
        ]
        text = "\n".join(part for part in parts if part)
    else:
        if content is None:
            raise ApiError(
                400, f"message {index} ({message.role}) has no content: give text", param=f"messages[{index}]"
            )
        text = "".join(parts)
    if message.role == "developer":
        return Message("system", text)
    if message.role == "tool" and not natively:
        return Message("user", f"<tool_response>\n{text}\n</tool_response>")
    return Message(message.role, text)
