"""Calls of tools in the text of a model, in the form that Hermes and Qwen are taught:

    <tool_call>
    {"name": "weather", "arguments": {"city": "Oslo"}}
    </tool_call>

A grammar makes every call well formed and its arguments valid under the tool's schema, whatever the model.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from fireside.lm.engine.grammar import json_rule
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.chat_request import ChatRequest, NamedTool, Tool

__all__ = ["Call", "ToolCallReader", "allowed_tools", "call_text", "tool_instructions", "tool_rules"]

_OPEN, _CLOSE = "<tool_call>", "\n</tool_call>"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments, as JSON."""

    name: str
    arguments: str


class _Written(msgspec.Struct):
    name: str
    arguments: msgspec.Raw


def allowed_tools(asked: ChatRequest) -> list[Tool]:
    """The tools that an answer may call.

    Raises:
        ApiError: names that are no names, occur twice or are unknown, or a choice without tools.
    """
    tools, choice = asked.tools or [], asked.tool_choice
    names = [tool.function.name for tool in tools]
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise ApiError(
                400,
                f"the tool name {name!r} must be 1 to 64 letters, digits, _ or -, and occur once",
                param="tools",
            )
    if isinstance(choice, NamedTool):
        if choice.function.name not in names:
            raise ApiError(400, f"tool_choice names {choice.function.name!r}, which is not in tools")
        return [tool for tool in tools if tool.function.name == choice.function.name]
    if choice == "required" and not tools:
        raise ApiError(400, "tool_choice is 'required' but there are no tools", param="tool_choice")
    return [] if choice == "none" else tools


def tool_instructions(tools: Sequence[Tool]) -> str:
    """What a model whose template takes no tools is told of them, in the system's words."""
    signatures = "\n".join(msgspec.json.encode(tool).decode() for tool in tools)
    return (
        "You may call functions to help the user. These are their signatures:\n"
        f"<tools>\n{signatures}\n</tools>\n"
        "To call one, answer with its name and its arguments in this form and nothing else:\n"
        f"{_OPEN}\n"
        '{"name": <name of the function>, "arguments": <arguments as JSON>}'
        f"{_CLOSE}"
    )


def call_text(call: Call) -> str:
    """How a call is written in a conversation."""
    return f'{_OPEN}\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}{_CLOSE}'


def tool_rules(tools: Sequence[Tool], *, several: bool) -> str:
    """Rules of a grammar; `calls` is one call or more.

    >>> from fireside.lm.server.chat_request import Function
    >>> print(tool_rules([Tool("function", Function("now"))], several=False))
    calls: call
    call: call_0
    call_0: "<tool_call>\\n{\\"name\\": \\"now\\", \\"arguments\\": " arguments_0 "}\\n</tool_call>"
    arguments_0: %json {...}
    """
    lines = [
        'calls: call ("\\n" call)*' if several else "calls: call",
        "call: " + " | ".join(f"call_{index}" for index in range(len(tools))),
    ]
    for index, tool in enumerate(tools):
        opening = json.dumps(f'{_OPEN}\n{{"name": {json.dumps(tool.function.name)}, "arguments": ')
        schema = _NO_ARGUMENTS if tool.function.parameters is None else tool.function.parameters
        lines.append(f"call_{index}: {opening} arguments_{index} {json.dumps('}' + _CLOSE)}")
        lines.append(f"arguments_{index}: {json_rule(schema)}")
    return "\n".join(lines)


class ToolCallReader:
    """Tells calls from other text while both come in pieces.

    >>> reader = ToolCallReader()
    >>> reader.add("<tool"), reader.add('_call>\\n{"name": "f", "arguments": {}}')
    ([], [])
    >>> reader.add("\\n</tool_call>")
    [Call(name='f', arguments='{}')]
    >>> reader.rest()
    ''
    """

    def __init__(self) -> None:
        self._text = ""
        self._is_text = False

    def add(self, text: str) -> list[str | Call]:
        """What has become certain: calls that are whole, or text."""
        self._text += text
        found: list[str | Call] = []
        while not self._is_text and _CLOSE in self._text and self._text.startswith(_OPEN):
            written, _, rest = self._text.partition(_CLOSE)
            call = msgspec.json.decode(written.removeprefix(_OPEN), type=_Written)
            found.append(Call(call.name, bytes(call.arguments).decode()))
            self._text = rest.removeprefix("\n")
        if self._is_text or not (self._text.startswith(_OPEN) or _OPEN.startswith(self._text)):
            self._is_text = True
            if self._text:
                found.append(self._text)
            self._text = ""
        return found

    def rest(self) -> str:
        """What an answer that was cut leaves behind: the beginning of a call."""
        return self._text
