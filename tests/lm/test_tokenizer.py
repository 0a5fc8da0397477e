from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.lm.tokenizer import TextStream, Tokenizer

CORPUS = [
    "the quick brown fox jumps over the lazy dog " * 3,
    "été, naïve façade — 42 or 1,234.5",
    "  def f(x):\n\t",
]
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(CORPUS, vocab_size=300)


@given(st.text())
def test_any_text_survives_encoding_and_decoding(text: str) -> None:
    tokenizer = Tokenizer.train_bpe(CORPUS, vocab_size=300)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_digits_stand_alone_and_frequent_words_become_one_token(tokenizer: Tokenizer) -> None:
    assert [tokenizer.decode([i]) for i in tokenizer.encode("the 1234")] == ["the", " ", "1", "2", "3", "4"]


def test_the_vocabulary_has_the_size_asked_for(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == 300
    with pytest.raises(InputError, match="at least 257"):
        Tokenizer.train_bpe(CORPUS, vocab_size=256)


def test_names_of_special_tokens_in_a_text_are_ordinary_characters(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("a<|endoftext|>b")
    assert tokenizer.eos_id not in tokens
    assert tokenizer.decode(tokens) == "a<|endoftext|>b"
    assert tokenizer.encode_pieces([("a", False), ("<|endoftext|>", True)])[-1] == tokenizer.eos_id


@given(st.lists(st.integers(0, 299), max_size=30))
def test_streamed_pieces_joined_are_the_text_of_any_tokens(tokens: list[int]) -> None:
    tokenizer = Tokenizer.train_bpe(CORPUS, vocab_size=300)
    stream = TextStream(tokenizer)
    pieces = [stream.add(token) for token in tokens]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(tokens)


@given(st.text(alphabet="aé€😀 ", max_size=20))
def test_a_stream_of_valid_text_never_holds_half_a_character(text: str) -> None:
    tokenizer = Tokenizer.train_bpe(["x"], vocab_size=257)
    stream = TextStream(tokenizer)
    pieces = [stream.add(token) for token in tokenizer.encode(text)]
    assert "\ufffd" not in "".join(pieces)
    assert stream.finish() == ""


def test_a_saved_tokenizer_is_the_same_one(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with_chat = Tokenizer(tokenizer._backend, eos_token="<|endoftext|>", chat_template=TEMPLATE)
    with_chat.save(tmp_path)
    again = Tokenizer.load(tmp_path)
    text = "the fox, naïvely: 99 <|endoftext|>"
    assert again.encode(text) == tokenizer.encode(text)
    assert (again.eos_id, again.stop_ids, again.vocab_size) == (tokenizer.eos_id, tokenizer.stop_ids, 300)
    assert again.chat_template is not None
    assert again.chat_template.source == TEMPLATE


def test_a_tokenizer_that_cannot_be_read_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        Tokenizer.load(tmp_path)
    tokenizer.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read"):
        Tokenizer.load(tmp_path)
    tokenizer.save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<gone>"}')
    with pytest.raises(InputError, match="<gone>"):
        Tokenizer.load(tmp_path)
