"""The paper's three stages: each goes on from the last, and trains what it should."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from fireside.core.errors import ConfigError, ResumeError
from fireside.lm.convert.hugging_face import load_hugging_face
from fireside.lm.training_checkpoint import read_state
from fireside.recipes.staged_run import read_stages_file, train_stages
from tests.recipes.mix_files import MIX, write_domains

STAGES = """
tokenizer = "tokenizer"
seed = 3

[model]
hidden_size = 24
intermediate_size = 32
num_heads = 2
num_kv_heads = 1
head_dim = 12
layer_map = "0s_0s_2_2"
window = 8

[[stages]]
name = "short"
mix = "short.toml"
batch_size = 4
rope_theta = 500.0
training = { schedule = { peak = 2e-2 } }

[[stages]]
name = "long"
mix = "long.toml"
batch_size = 2
rope_theta = 8000.0
training = { trainable = ["*.self_attn.*"], schedule = { peak = 1e-3 }, checkpoint_every = 3 }

[[stages]]
name = "answers"
answers = "answers.jsonl"
batch_size = 2
sequence_length = 64
num_steps = 60
rope_theta = 8000.0
training = { trainable = ["*.self_attn.*"], schedule = { peak = 4e-2 } }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stages")
    write_domains(home)
    (home / "short.toml").write_text(MIX.format(tokens=40 * 4 * 16, seed=1))
    long = MIX.format(tokens=6 * 2 * 64, seed=2).replace("sequence_length = 16", "sequence_length = 64")
    (home / "long.toml").write_text(long)
    (home / "answers.jsonl").write_text(
        "".join(f'{{"prompt": "once upon {word}, who said", "answer": " king"}}\n' for word in "abcdef")
    )
    (home / "stages.toml").write_text(STAGES)
    return home


@pytest.fixture(scope="module")
def results(home: Path) -> list[dict[str, Any]]:
    return train_stages(read_stages_file(home / "stages.toml"), home / "run")


def weights(result: dict[str, Any]) -> dict[str, torch.Tensor]:
    return load_file(Path(result["checkpoint"]) / "weights.safetensors")


def test_each_stage_has_its_length_base_and_steps(results: list[dict[str, Any]]) -> None:
    assert [result["stage"] for result in results] == ["short", "long", "answers"]
    assert [(result["steps"], result["tokens"]) for result in results] == [(40, 2560), (6, 768), (60, 7680)]
    models = [read_state(result["checkpoint"]).model for result in results]
    assert [model["context_length"] for model in models] == [16, 64, 64]
    assert [model["rope_theta"] for model in models] == [500.0, 8000.0, 8000.0]
    assert [model["rope_theta_sliding"] for model in models] == [500.0, 8000.0, 8000.0]


def test_later_stages_change_attention_alone(results: list[dict[str, Any]]) -> None:
    short, long, answers = map(weights, results)
    for before, after in ((short, long), (long, answers)):
        changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
        assert changed == {name for name in after if ".self_attn." in name}


def test_the_answers_are_learnt_and_the_model_is_written(home: Path, results: list[dict[str, Any]]) -> None:
    assert results[-1]["last_loss"] < results[-1]["first_loss"] - 1
    model, tokenizer = load_hugging_face(home / "run" / "model")
    assert (model.config.rope_theta, model.config.context_length) == (8000.0, 64)
    assert tokenizer.vocab_size == model.config.vocab_size
    for name, tensor in weights(results[-1]).items():
        assert torch.equal(model.get_parameter(name), tensor)


def test_an_interrupted_run_goes_on_to_the_same_bits(home: Path, results: list[dict[str, Any]]) -> None:
    broken = home / "broken"
    shutil.copytree(home / "run", broken)
    for part in ("long/checkpoints/step-00000006", "answers", "model"):
        shutil.rmtree(broken / part)
    again = train_stages(read_stages_file(home / "stages.toml"), broken)
    for one, two in zip(results, again, strict=True):
        assert all(torch.equal(tensor, weights(two)[name]) for name, tensor in weights(one).items())
        assert {**one, "checkpoint": ""} == {**two, "checkpoint": ""}
    assert (broken / "model").is_dir()


def test_other_stages_are_refused(home: Path, results: list[dict[str, Any]]) -> None:
    changed = STAGES.replace("num_steps = 60", "num_steps = 61")
    (home / "changed.toml").write_text(changed)
    with pytest.raises(ResumeError, match="holds other stages"):
        train_stages(read_stages_file(home / "changed.toml"), home / "run")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('answers = "answers.jsonl"', "", "needs mix or answers"),
        ("num_steps = 60\n", "", "give it sequence_length and num_steps"),
        ('name = "long"', 'name = "short"', "names of their own"),
        ('name = "long"', 'name = "../long"', "a stage's name is a word"),
        ("rope_theta = 500.0", "rope_thetas = 500.0", "did you mean 'rope_theta'"),
        ('mix = "short.toml"', 'mix = "short.toml"\nnum_steps = 3', "are the mix's"),
    ],
)
def test_stages_that_make_no_sense_are_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    file = tmp_path / "stages.toml"
    file.write_text(STAGES.replace(old, new, 1))
    with pytest.raises(ConfigError, match=complaint):
        read_stages_file(file)
