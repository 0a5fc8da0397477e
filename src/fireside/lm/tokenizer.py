"""Text to token ids and back.

A thin shell around the `tokenizers` library that is strict about special tokens: text is never read as
special tokens unless the caller says so, so that a document that contains `<|im_end|>` cannot end a turn.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from fireside.core.atomic import write_bytes
from fireside.core.errors import InputError
from fireside.lm.byte_level_vocabulary import BYTE_OF, byte_level_backend, byte_level_from_gguf
from fireside.lm.chat_template import ChatTemplate
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.sentencepiece_vocabulary import sentencepiece_backend

__all__ = ["TextStream", "Tokenizer"]

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_config.json"
_END_OF_TEXT = "<|endoftext|>"
# Special tokens that end an answer in any vocabulary that has them, whatever its settings name as end.
_END_TOKENS = (_END_OF_TEXT, "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "</s>", "<eos>")
_REPLACEMENT = "\ufffd"
_SPELLED_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Tokenizer:
    """A vocabulary with its special tokens and chat template.

    Args:
        backend: the library's tokenizer; its special tokens must be registered there.
        eos_token: the special token that ends a text or a turn.
        chat_template: Jinja source that turns messages into text, where the model knows conversations.

    Attributes:
        eos_id: id of `eos_token`.
        stop_ids: ids that end an answer; `eos_id` is one.
        start_ids: ids that a text begins with where the model was taught so, such as Gemma's `<bos>`; chat
            templates write them themselves.
        chat_template: how conversations are written, or `None`.

    >>> tokenizer = Tokenizer.train_bpe(["low lower lowest 42"], vocab_size=300)
    >>> tokenizer.decode(tokenizer.encode("lowest 24")), len(tokenizer.encode("24"))
    ('lowest 24', 2)
    """

    def __init__(
        self, backend: tokenizers.Tokenizer, *, eos_token: str, chat_template: str | None = None
    ) -> None:
        eos_id = backend.token_to_id(eos_token)
        if eos_id is None:
            raise InputError(f"the vocabulary has no token {eos_token!r} to end a text with")
        self._backend = backend
        self._special_ids = {
            token.content: id for id, token in backend.get_added_tokens_decoder().items() if token.special
        }
        # The library otherwise finds special tokens in any text it is given.
        backend.encode_special_tokens = True
        self._is_byte_level = isinstance(backend.decoder, decoders.ByteLevel)
        self._spells_bytes = bool(getattr(backend.model, "byte_fallback", False))
        self.eos_token = eos_token
        self.eos_id: int = eos_id
        self.stop_ids = frozenset(
            {eos_id} | {self._special_ids[name] for name in _END_TOKENS if name in self._special_ids}
        )
        self.start_ids: tuple[int, ...] = tuple(backend.encode("", add_special_tokens=True).ids)
        start = "".join(backend.id_to_token(token) or "" for token in self.start_ids)
        self.chat_template = (
            None if chat_template is None else ChatTemplate(chat_template, eos_token, bos_token=start)
        )

    @property
    def vocab_size(self) -> int:
        """Number of token ids, special ones included."""
        return self._backend.get_vocab_size(with_added_tokens=True)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides which ids a text has."""
        return hashlib.blake2b(self._backend.to_str().encode(), digest_size=16).hexdigest()

    @property
    def special_ids(self) -> dict[str, int]:
        """Special tokens and their ids."""
        return dict(self._special_ids)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; the names of special tokens in it are ordinary characters."""
        return self._backend.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for each text, on all cores."""
        return [encoding.ids for encoding in self._backend.encode_batch_fast(texts, add_special_tokens=False)]

    def encode_pieces(self, pieces: Iterable[tuple[str, bool]]) -> list[int]:
        """Token ids of a text cut into (piece, whether it is the name of a special token)."""
        tokens: list[int] = []
        for piece, is_special in pieces:
            tokens += [self._special_ids[piece]] if is_special else self.encode(piece)
        return tokens

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """Text of token ids; bytes that are not UTF-8 become U+FFFD."""
        return self._backend.decode(list(ids), skip_special_tokens=skip_special)

    def token_bytes(self, token: int) -> bytes:
        """What a token stands for, alone; a special token for the bytes of its name.

        >>> Tokenizer.train_bpe(["x"], vocab_size=257).token_bytes(65)
        b'a'
        """
        name = self._backend.id_to_token(token)
        if self._spells_bytes and name is not None and name not in self._special_ids:
            byte = _SPELLED_BYTE.fullmatch(name)
            return bytes([int(byte[1], 16)]) if byte else name.replace("\u2581", " ").encode()
        # Tokens that were added by hand may have other letters: they are text.
        if name is None or name in self._special_ids or not self._is_byte_level or set(name) - BYTE_OF.keys():
            return self.decode([token], skip_special=False).encode()
        return bytes(BYTE_OF[letter] for letter in name)

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, as Hugging Face names and understands them."""
        settings: dict[str, Any] = {"eos_token": self.eos_token}
        if self.chat_template is not None:
            settings["chat_template"] = self.chat_template.source
        write_bytes(Path(directory) / TOKENIZER_FILE, self._backend.to_str().encode())
        write_bytes(Path(directory) / SETTINGS_FILE, msgspec.json.format(msgspec.json.encode(settings)))

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> "Tokenizer":
        """Read what `save` or Hugging Face wrote.

        Raises:
            InputError: a file is missing or cannot be read, or no end token is named.
        """
        path, settings_path = Path(directory) / TOKENIZER_FILE, Path(directory) / SETTINGS_FILE
        for needed in (path, settings_path):
            if not needed.is_file():
                raise InputError(f"{directory} has no {needed.name}")
        try:
            settings = msgspec.json.decode(settings_path.read_bytes(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise InputError(f"{settings_path} cannot be read ({error})") from error
        try:
            backend = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise InputError(f"{path} cannot be read ({error})") from error
        eos = settings.get("eos_token")
        eos_token = eos.get("content") if isinstance(eos, dict) else eos
        if not isinstance(eos_token, str):
            raise InputError(f"{settings_path} names no eos_token")
        template = settings.get("chat_template")
        template_path = Path(directory) / "chat_template.jinja"
        if template is None and template_path.is_file():
            template = template_path.read_text("utf-8")
        return cls(
            backend, eos_token=eos_token, chat_template=template if isinstance(template, str) else None
        )

    @classmethod
    def from_gguf(cls, file: GGUFFile) -> "Tokenizer":
        """The vocabulary inside a GGUF file: byte-level, or SentencePiece's as Gemma has it.

        Raises:
            InputError: another kind of vocabulary, or an unknown way of splitting words.
        """
        data = file.metadata
        kind, split = data.get("tokenizer.ggml.model"), data.get("tokenizer.ggml.pre", "default")
        if kind == "gpt2" and split in ("smollm", "gpt-2", "default"):
            backend = byte_level_from_gguf(data, digits_alone=split == "smollm")
        elif kind == "llama" and data.get("tokenizer.ggml.add_space_prefix") is False:
            backend = sentencepiece_backend(data["tokenizer.ggml.tokens"], data["tokenizer.ggml.token_type"])
        else:
            raise InputError(
                f"{file.path} has a {kind!r} vocabulary with {split!r} word splitting: 'gpt2' with 'smollm', "
                "'gpt-2' or 'default' can be read, and 'llama' without a space before the text (Gemma)"
            )
        tokens: list[str] = data["tokenizer.ggml.tokens"]
        if data.get("tokenizer.ggml.add_bos_token", False):
            start = data["tokenizer.ggml.bos_token_id"]
            backend.post_processor = processors.TemplateProcessing(
                single=f"{tokens[start]} $A", special_tokens=[(tokens[start], start)]
            )
        eos_token = tokens[data["tokenizer.ggml.eos_token_id"]]
        return cls(backend, eos_token=eos_token, chat_template=data.get("tokenizer.chat_template"))

    @classmethod
    def train_bpe(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Learn a byte-level BPE vocabulary; every text can be encoded, digits stand alone.

        Args:
            texts: what to learn from.
            vocab_size: the most ids, the 256 bytes and one end token included; fewer where the texts have no
                more pairs to merge.

        Raises:
            InputError: `vocab_size` below 257.
        """
        if vocab_size < 257:
            raise InputError(f"a byte-level vocabulary has at least 257 tokens, got {vocab_size}")
        backend = byte_level_backend(models.BPE(), digits_alone=True)
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[_END_OF_TEXT],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        return cls(backend, eos_token=_END_OF_TEXT)


class TextStream:
    """Turns tokens into text as they come, never cutting a character in two.

    The pieces joined are the text of all tokens decoded at once.

    >>> tokenizer = Tokenizer.train_bpe(["x"], vocab_size=257)
    >>> stream = TextStream(tokenizer)
    >>> [stream.add(token) for token in tokenizer.encode("aé")] + [stream.finish()]
    ['a', '', 'é', '']
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        # Tokens whose text has been given out only in part, and how much of their text has been.
        self._pending: list[int] = []
        self._given = 0

    def add(self, token: int) -> str:
        """The text that has become certain with this token."""
        self._pending.append(token)
        text = self._tokenizer.decode(self._pending)
        if text.endswith(_REPLACEMENT):
            return ""
        new = text[self._given :]
        # The last token stays as context: some vocabularies decode a first token differently. Where it is
        # but the end of a character, so does what comes before it.
        last = self._tokenizer.decode([token])
        if last.endswith(_REPLACEMENT):
            self._given = len(text)
        else:
            self._pending, self._given = [token], len(last)
        return new

    def finish(self) -> str:
        """What is left, incomplete characters as U+FFFD."""
        text = self._tokenizer.decode(self._pending)[self._given :]
        self._pending, self._given = [], 0
        return text
