"""A mix file over real domains, planned from their manifests alone."""

from pathlib import Path

import pytest

from fireside.core.errors import CheckpointError, ConfigError
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain, read_size
from fireside.mixing.plan_file import plan_file, plan_table

MIX = """
tokens = 2000
sequence_length = 10
[domains]
web = "web"
books = "books"
[[stages]]
name = "base"
shares = { web = 0.9, books = 0.1 }
[[stages]]
name = "last"
start = 0.8
shares = { web = 1.0 }
epochs = { books = 1.5 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = BuildSettings(vocab_size=256)
    for name, size in (("web", 5001), ("books", 201)):
        build_domain(tmp_path / name, ["x" * size], lambda text: list(text.encode()), settings)
    (tmp_path / "mix.toml").write_text(MIX)
    return tmp_path


def test_a_mix_file_is_planned_and_tabled(folder: Path) -> None:
    assert plan_table(plan_file(folder / "mix.toml"))[1:] == [
        ("base", "web", "90.00 %", "144", "1,440", "0.29", "0.29"),
        ("base", "books", "10.00 %", "16", "160", "0.80", "0.80"),
        ("last", "web", "25.00 %", "10", "100", "0.02", "0.31"),
        ("last", "books", "75.00 %", "30", "300", "1.50", "2.30"),
    ]


def test_sizes_come_from_manifests_without_a_token_read(folder: Path) -> None:
    size = Domain(folder / "web").size
    (folder / "web" / "tokens-00000.bin").unlink()
    assert read_size(folder / "web") == size
    assert plan_file(folder / "mix.toml").domains[0] == size


def test_a_folder_that_holds_another_domain_is_refused(folder: Path) -> None:
    (folder / "mix.toml").write_text(MIX.replace('books = "books"', 'books = "web"'))
    with pytest.raises(ConfigError, match=r"calls the domain in .*web 'books', it is called 'web'"):
        plan_file(folder / "mix.toml")


def test_a_folder_without_a_domain_is_named(folder: Path) -> None:
    (folder / "mix.toml").write_text(MIX.replace('books = "books"', 'books = "nowhere"'))
    with pytest.raises(CheckpointError, match="nowhere is not a checkpoint"):
        plan_file(folder / "mix.toml")


def test_what_does_not_fit_is_refused_with_the_numbers(folder: Path) -> None:
    (folder / "mix.toml").write_text(
        MIX.replace("books = 1.5", "books = 2").replace("tokens", "max_epochs = 2\ntokens")
    )
    with pytest.raises(ConfigError, match=r"'books' would be read 2.80 times .* its cap is 2"):
        plan_file(folder / "mix.toml")
