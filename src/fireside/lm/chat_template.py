"""Conversations as text, by a model's own Jinja template in a sandbox.

Templates come with models and are not trusted: they run in Jinja's immutable sandbox. Neither are messages:
the names of special tokens inside them stay ordinary text.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jinja2
import jinja2.meta
import jinja2.sandbox

from fireside.core.errors import InputError
from fireside.core.protocols import Message

__all__ = ["ChatTemplate"]

Pieces = list[tuple[str, bool]]
# The private use area; a mark is taken from it that no message contains.
_MARKS = [chr(code) for code in range(0xE000, 0xE100)]


class ChatTemplate:
    """Writes conversations the way a model was taught to read them.

    Args:
        source: Jinja source over `messages`, `add_generation_prompt` and, where it knows them, `tools`.
        eos_token: given to the template.
        bos_token: given to the template; empty where texts begin with nothing.

    Attributes:
        takes_tools: whether the template writes the tools it is given.

    Raises:
        InputError: the source is not valid Jinja.

    >>> template = ChatTemplate("{% for m in messages %}[{{ m.role }}]{{ m.content }}<end>{% endfor %}"
    ...                         "{% if add_generation_prompt %}[assistant]{% endif %}", "<end>")
    >>> template.opening([Message("user", "say <end>")], special=["<end>"])
    [('[user]say <end>', False), ('<end>', True), ('[assistant]', False)]
    >>> template.continuation([Message("user", "more")], special=["<end>"])
    [('[user]more', False), ('<end>', True), ('[assistant]', False)]
    """

    def __init__(self, source: str, eos_token: str, *, bos_token: str = "") -> None:
        self.source = source
        self._eos_token, self._bos_token = eos_token, bos_token
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        try:
            self._template = environment.from_string(source)
            self.takes_tools = "tools" in jinja2.meta.find_undeclared_variables(environment.parse(source))
        except jinja2.TemplateError as error:
            raise InputError(f"the chat template is not valid: {error}") from error

    def opening(
        self,
        messages: Sequence[Message],
        *,
        special: Collection[str],
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> Pieces:
        """A conversation from its start, up to where the assistant speaks.

        Args:
            messages: the turns, oldest first.
            special: names of special tokens.
            tools: what the assistant may call, as JSON schemas of functions.

        Returns:
            The text in pieces, each with whether it is a special token.

        Raises:
            InputError: the template refuses these messages, or takes no tools.
        """
        if tools and not self.takes_tools:
            raise InputError("the model's chat template takes no tools: describe them in a system message")
        hidden = _Hidden(messages, special, tools)
        return hidden.pieces(self._render(hidden.messages, hidden.tools))

    def continuation(self, messages: Sequence[Message], *, special: Collection[str]) -> Pieces:
        """What follows the end token of an assistant's turn when these messages come next."""
        hidden = _Hidden(messages, special)
        before = [Message("user", "."), Message("assistant", hidden.anchor)]
        text = self._render([*before, *hidden.messages], [])
        after = text.split(hidden.anchor)[-1]
        return hidden.pieces(after.removeprefix(self._eos_token))

    def _render(self, messages: Sequence[Message], tools: list[Any]) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return self._template.render(
                messages=plain,
                tools=tools or None,
                add_generation_prompt=True,
                eos_token=self._eos_token,
                bos_token=self._bos_token,
            )
        except (jinja2.TemplateError, TypeError) as error:
            raise InputError(f"the chat template refuses this conversation: {error}") from error


class _Hidden:
    """Messages in which the names of special tokens are replaced by marks while a template runs.

    After rendering, every special token that is still there was written by the template.
    """

    def __init__(
        self, messages: Sequence[Message], special: Collection[str], tools: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        given = [message.content for message in messages] + [_to_json(tool) for tool in tools]
        free = [mark for mark in _MARKS if not any(mark in text for text in given)]
        if len(free) < 2:
            raise InputError("the messages use too many private-use characters (U+E000 to U+E0FF)")
        self.anchor, self._mark = free[0], free[1]
        self._special = _any_of(special)
        self._names = sorted(special)
        self.messages = [Message(message.role, self._hide(message.content)) for message in messages]
        self.tools = [self._hide_in(tool) for tool in tools]

    def _hide_in(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._hide(value)
        if isinstance(value, Mapping):
            return {self._hide(key): self._hide_in(inner) for key, inner in value.items()}
        return [self._hide_in(inner) for inner in value] if isinstance(value, list) else value

    def _hide(self, content: str) -> str:
        def mark(match: re.Match[str]) -> str:
            return f"{self._mark}{self._names.index(match[0])}{self._mark}"

        return self._special.sub(mark, content)

    def _show(self, text: str) -> str:
        return re.sub(f"{self._mark}(\\d+){self._mark}", lambda match: self._names[int(match[1])], text)

    def pieces(self, text: str) -> Pieces:
        pieces: Pieces = []
        start = 0
        for match in self._special.finditer(text):
            if match.start() > start:
                pieces.append((self._show(text[start : match.start()]), False))
            pieces.append((match[0], True))
            start = match.end()
        if start < len(text):
            pieces.append((self._show(text[start:]), False))
        return pieces


def _any_of(names: Collection[str]) -> re.Pattern[str]:
    """Matches any of some strings, the longest first; nothing where there are none."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _refuse(message: str) -> str:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    indent: int | None = None,
    *,
    ensure_ascii: bool = False,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as written in prompts: Jinja's own filter would escape it for HTML."""
    return json.dumps(
        value, indent=indent, ensure_ascii=ensure_ascii, separators=separators, sort_keys=sort_keys
    )
