import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.agents.corpus.text import clean_text, decode_text, looks_binary


@settings(deadline=None)
@given(st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once_and_leaves_nothing_invisible(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in cleaned)
    assert "\n\n\n" not in cleaned
    assert unicodedata.is_normalized("NFC", cleaned)


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\u202e", "\u2066", "\U000e0041", "\ufeff", "\x00", "\u200b"])
def test_what_a_person_cannot_see_is_removed(hidden: str) -> None:
    cleaned = clean_text(f"a{hidden}b")
    assert cleaned in ("ab", "a[31mb")


@settings(deadline=None)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=80
    )
)
def test_text_survives_each_unicode_encoding(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        data = text.encode(encoding)
        assert not looks_binary(data) or encoding == "utf-8"
        if not text.startswith("\ufeff"):
            assert decode_text(data) == text


def test_a_character_cut_in_half_is_dropped_and_a_last_accent_is_not() -> None:
    data = "Malé".encode()
    assert decode_text(data[:-1], cut=True) == "Mal"
    assert decode_text("Malé".encode("cp1252")) == "Malé"
