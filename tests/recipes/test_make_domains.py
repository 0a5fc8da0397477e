import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.cli.mix_domains import domains as command
from fireside.compute import TableDataset, as_dataset
from fireside.core.errors import CheckpointError, ConfigError, FiresideError, InputError
from fireside.mixing import BuildSettings, build_domain, open_texts
from fireside.recipes.clusters import cluster_texts
from fireside.recipes.make_domains import DomainsConfig, DomainsSummary, make_domains
from fireside.recipes.near_duplicates import near_duplicates
from fireside.recipes.text_batches import words_stage
from fireside.recipes.text_classifier import train_text_classifier

SEA = ["salt", "waves", "harbour", "sail", "anchor", "tide", "ship", "gull", "mast", "reef"]
LAW = ["statute", "court", "clause", "judge", "appeal", "tort", "verdict", "counsel", "plea", "bench"]
JUNK = ["click", "subscribe", "cookie", "banner", "offer", "coupon", "login", "popup", "advert", "discount"]


def texts_about(words: list[str], count: int, *, seed: int, length: int = 20) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(words, length)) for _ in range(count)]


def column(*texts: list[str]) -> dict[str, list[str]]:
    return {"text": [text for part in texts for text in part]}


def total(summary: DomainsSummary) -> int:
    dropped = summary.num_without_words + summary.num_exact_duplicates + summary.num_near_duplicates
    return dropped + summary.num_below_quality + sum(domain.num_texts for domain in summary.domains)


def texts_of(out: Path, file: str) -> list[str]:
    return open_texts(out / file).to_table()["text"].to_pylist()


EMPTY = pa.table({"text": pa.array([], pa.string())})
EXAMPLES = {"sea": column(texts_about(SEA, 5, seed=1)), "law": column(texts_about(LAW, 9, seed=2))}


def test_texts_are_cleaned_counted_and_sorted_by_examples(tmp_path: Path) -> None:
    sea, law, junk = (texts_about(words, 20, seed=7) for words in (SEA, LAW, JUNK))
    near = [f"{text} tail" for text in sea[:3]]
    given = column(sea, ["", "?!"], law, sea[:4], near, ["nothing known"], junk)
    summary = make_domains(
        given,
        tmp_path / "out",
        good=column(texts_about(SEA + LAW, 10, seed=3)),
        other=column(texts_about(JUNK, 10, seed=4)),
        labelled=EXAMPLES,
    )
    assert summary.num_read == len(given["text"])
    assert summary.num_without_words == 2
    assert summary.num_exact_duplicates == 4
    assert summary.num_near_duplicates == 3
    assert summary.num_below_quality == 20
    assert total(summary) == summary.num_read
    assert {domain.name: domain.num_texts for domain in summary.domains} == {
        "sea": 20,
        "law": 20,
        "unsorted": 1,
    }
    assert texts_of(tmp_path / "out", "sea.parquet") == sea
    assert texts_of(tmp_path / "out", "law.parquet") == law
    assert texts_of(tmp_path / "out", "unsorted.parquet") == ["nothing known"]
    about = {domain.name: domain for domain in summary.domains}
    assert set(about["sea"].terms) <= set(SEA)
    assert len(about["law"].terms) == 3
    assert about["sea"].num_characters == sum(map(len, sea))


def test_what_is_written_is_a_summary_and_files_that_become_domains(tmp_path: Path) -> None:
    given = column(texts_about(SEA, 10, seed=1), texts_about(LAW, 6, seed=2))
    summary = make_domains(given, tmp_path / "out", labelled=EXAMPLES)
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["law.parquet", "manifest.json", "sea.parquet", "summary.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert written["num_read"] == 16
    assert [(domain["name"], domain["num_texts"]) for domain in written["domains"]] == [
        (domain.name, domain.num_texts) for domain in summary.domains
    ]
    built = build_domain(
        tmp_path / "sea",
        open_texts(tmp_path / "out" / "sea.parquet"),
        lambda text: list(text.encode()),
        BuildSettings(vocab_size=256),
    )
    assert (built.name, built.num_documents) == ("sea", 10)
    assert built.num_tokens == sum(len(text) for text in given["text"][:10])


def test_without_examples_texts_are_clustered_and_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    sea, law = texts_about(SEA, 30, seed=1), texts_about(LAW, 30, seed=2)
    mixed = [text for pair in zip(sea, law, strict=True) for text in pair]
    summaries = [
        make_domains(column(mixed), tmp_path / name, DomainsConfig(num_clusters=2)) for name in ("a", "b")
    ]
    assert summaries[0] == summaries[1]
    assert [domain.name for domain in summaries[0].domains] == ["cluster-0", "cluster-1"]
    found = [texts_of(tmp_path / "a", domain.file) for domain in summaries[0].domains]
    assert sorted(found) == sorted([sea, law])
    for domain, texts in zip(summaries[0].domains, found, strict=True):
        assert set(domain.terms) <= set(SEA if texts == sea else LAW)
    whole = make_domains(column(mixed[:30]), tmp_path / "small")
    assert [(domain.name, domain.num_texts) for domain in whole.domains] == [("cluster-0", 30)]


def test_folders_streams_and_small_batches_give_the_same_domains(tmp_path: Path, monkeypatch: Any) -> None:
    texts = texts_about(SEA, 25, seed=1) + texts_about(LAW, 25, seed=2)
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "texts" / f"{number:02}.txt").write_text(text)
    pq.write_table(pa.table({"text": texts}), tmp_path / "texts.parquet", row_group_size=4)
    whole = make_domains(column(texts), tmp_path / "whole", labelled=EXAMPLES)
    monkeypatch.setattr("fireside.recipes.text_pool.BATCH_ROWS", 3)
    for name, source in (
        ("folder", tmp_path / "texts"),
        ("parquet", tmp_path / "texts.parquet"),
        ("batches", TableDataset(pa.table({"text": texts}), batch_rows=7)),
    ):
        assert make_domains(source, tmp_path / name, labelled=EXAMPLES) == whole
        for domain in whole.domains:
            assert texts_of(tmp_path / name, domain.file) == texts_of(tmp_path / "whole", domain.file)


def test_near_duplicates_can_be_kept(tmp_path: Path) -> None:
    text = texts_about(SEA, 1, seed=1, length=40)[0]
    given = column([text, f"{text} more", text])
    kept = make_domains(given, tmp_path / "kept", DomainsConfig(similarity=None))
    dropped = make_domains(given, tmp_path / "dropped")
    assert (kept.num_near_duplicates, kept.domains[0].num_texts) == (0, 2)
    assert (dropped.num_near_duplicates, dropped.domains[0].num_texts) == (1, 1)


def test_a_stricter_threshold_drops_more(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mixed = [
        " ".join(random.permutation([*random.choice(SEA, share), *random.choice(JUNK, 6 - share)]))
        for share in [0, 1, 2, 3, 4, 5, 6] * 4
    ]
    counts = []
    for number, least in enumerate((0.01, 0.5, 0.999)):
        summary = make_domains(
            column(mixed),
            tmp_path / str(number),
            DomainsConfig(min_quality=least, similarity=None),
            good=column(texts_about(SEA, 8, seed=1)),
            other=column(texts_about(JUNK, 8, seed=2)),
        )
        assert total(summary) == len(mixed)
        counts.append(summary.num_below_quality)
    assert 0 < counts[0] < counts[1] < counts[2] < len(mixed)


def test_a_second_run_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    make_domains(column(texts_about(SEA, 3, seed=1)), tmp_path / "out")
    make_domains(column(texts_about(LAW, 5, seed=1)), tmp_path / "out", labelled=EXAMPLES)
    assert not (tmp_path / "out" / "cluster-0.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        make_domains(column(["a"]), tmp_path / "mine")
    settings = BuildSettings(vocab_size=256)
    build_domain(tmp_path / "domain", ["abc"], lambda text: list(text.encode()), settings)
    with pytest.raises(CheckpointError, match=r"holds 'fireside.mixing.domain'"):
        make_domains(column(["a"]), tmp_path / "domain")


def test_a_domain_without_texts_gets_no_file_and_a_warning(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        summary = make_domains(column(texts_about(SEA, 4, seed=9)), tmp_path / "out", labelled=EXAMPLES)
    assert [domain.name for domain in summary.domains] == ["sea"]
    assert not (tmp_path / "out" / "law.parquet").exists()
    assert "no text was sorted into the domain 'law'" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": EMPTY}, InputError, "none of the 0 texts given has a word"),
        ({"source": column(["", "--"])}, InputError, "none of the 2 texts given has a word"),
        ({"source": {"text": ["a", None]}}, InputError, r"the texts: 1 rows have no text \(null\)"),
        ({"source": "nowhere"}, InputError, "nowhere does not exist"),
        ({"source": {"body": ["a"]}}, InputError, "no column 'text'"),
        ({"settings": DomainsConfig(num_clusters=9)}, InputError, "3 texts cannot be sorted into 9 clusters"),
        ({"good": column(["a"])}, ConfigError, "examples of good texts but none of other ones"),
        ({"other": column(["a"])}, ConfigError, "examples of other texts but none of good ones"),
        ({"good": column(["a b"]), "other": column(["a b"])}, InputError, "hold the same words"),
        ({"good": column(["a"]), "other": EMPTY}, InputError, "there are no examples of 'other'"),
        (
            {"good": column(["q"]), "other": column(["sea law more"])},
            InputError,
            "none of 3 texts is good",
        ),
        ({"labelled": {"sea": column(["a"])}}, ConfigError, "two domains or more, got sea"),
        ({"labelled": {"a/b": "x", "b": "y"}}, ConfigError, "a domain cannot be called 'a/b'"),
        ({"labelled": {"unsorted": "x", "b": "y"}}, ConfigError, "cannot be called 'unsorted'"),
        (
            {"labelled": EXAMPLES, "settings": DomainsConfig(num_clusters=2)},
            ConfigError,
            "num_clusters is 2, but there are examples of domains",
        ),
    ],
)
def test_bad_input_is_one_clear_error_and_leaves_nothing(
    arguments: dict[str, Any], error: type[FiresideError], message: str, tmp_path: Path
) -> None:
    given = {"source": column(["sea", "law", "more"]), "settings": DomainsConfig(), **arguments}
    source, settings = given.pop("source"), given.pop("settings")
    with pytest.raises(error, match=message):
        make_domains(source, tmp_path / "out", settings, **given)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"bad\.txt.*convert it to UTF-8"):
        make_domains(tmp_path / "texts", tmp_path / "out")
    bytes_as_text = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())
    with pytest.raises(InputError, match="the texts: a text is not UTF-8"):
        make_domains(TableDataset(pa.table({"text": bytes_as_text})), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity": 0.0}, "similarity must be above 0"),
        ({"similarity": 1.5}, "at most 1, got 1.5"),
        ({"min_quality": 2.0}, "min_quality is a probability"),
        ({"num_clusters": 0}, "num_clusters must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DomainsConfig(**settings)


def test_near_duplicates_are_exactly_the_pairs_that_are_similar_enough() -> None:
    random = np.random.default_rng(4)
    base = [random.choice(SEA + LAW + JUNK, 60).tolist() for _ in range(20)]
    rows = [*base, *([*words[: -2 * k], *["new"] * 2 * k] for k, words in enumerate(base, start=1))]
    shingles = [{tuple(words[i : i + 3]) for i in range(len(words) - 2)} for words in rows]
    for similarity in (0.8, 0.6):
        expected = [
            any(len(own & shingles[j]) / len(own | shingles[j]) >= similarity for j in range(i))
            for i, own in enumerate(shingles)
        ]
        found = near_duplicates(as_dataset({"words": rows}), seed=17, similarity=similarity)
        # MinHash may miss one in five hundred; with this seed it misses none.
        assert found.tolist() == expected
        assert 0 < sum(expected) < 20


def test_short_texts_are_near_nothing() -> None:
    words = as_dataset({"words": [["a"], ["a"], ["a", "b"], ["a", "b"]]})
    assert not near_duplicates(words, seed=1).any()


def test_clusters_need_as_many_texts_and_may_come_out_fewer() -> None:
    same = as_dataset({"words": [["sea", "salt"]] * 5})
    numbers, clusters = cluster_texts(same, num_texts=5, seed=1, num_clusters=3)
    assert [cluster.size for cluster in clusters] == [5]
    assert numbers.to_pylist() == [0] * 5


def test_a_classifier_counts_labels_alike_however_many_examples_they_have() -> None:
    few = {"sea": column(["wave and salt"]), "law": column(["court and salt"] * 50)}
    judged = train_text_classifier(few).judge(as_dataset({"text": ["salt", "wave", "court", "zzz"]}))
    assert judged.probabilities[3] == pytest.approx([0.5, 0.5])
    assert judged.known.tolist() == [False, True, True, False]
    assert judged.probabilities[1, 0] > 0.5 > judged.probabilities[2, 0]
    with pytest.raises(InputError, match="two labels at least, got sea"):
        train_text_classifier({"sea": column(["a"])})


def test_words_are_of_every_script() -> None:
    found = words_stage().transform({"text": ["Ёлка, Straße; x_1", "हिन्दी 中文"]})["words"]
    assert found == [["ёлка", "straße", "x_1"], ["हिन्दी", "中文"]]


def test_the_command_makes_domains_and_shows_where_texts_went(tmp_path: Path, capsys: Any) -> None:
    for name, texts in {
        "texts": texts_about(SEA, 4, seed=5) + texts_about(LAW, 3, seed=5) + [""],
        "sea": EXAMPLES["sea"]["text"],
        "law": EXAMPLES["law"]["text"],
    }.items():
        lines = [json.dumps({"body": text}) for text in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    labels = [f"{name}={tmp_path / name}.jsonl" for name in ("sea", "law")]
    command(tmp_path / "texts.jsonl", tmp_path / "out", label=labels, column="body", similarity=0.0)
    shown = capsys.readouterr().out
    assert "8 texts read" in shown
    assert len(texts_of(tmp_path / "out", "sea.parquet")) == 4
    assert len(texts_of(tmp_path / "out", "law.parquet")) == 3
    for labels, message in ((["sea"], "NAME=PATH"), (["a=b", "a=c"], "given twice")):
        with pytest.raises(ConfigError, match=message):
            command(tmp_path / "texts.jsonl", tmp_path / "other", label=labels)
