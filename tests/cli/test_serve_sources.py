"""`fireside serve` as a process of its own, from every kind of model: it says what the model itself would."""

from pathlib import Path
from typing import Any

import openai
import pytest
import torch

from fireside.core.protocols import SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import load_hugging_face, save_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.learner import LearnerConfig, PolicyLearner
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.model_files import load_model
from fireside.recipes.staged_run import read_stages_file, train_stages
from fireside.recipes.training_run import read_run_file, train_run
from tests.cli.test_serve import serving
from tests.lm.test_gguf import write as write_gguf
from tests.recipes.mix_files import MIX, write_domains, write_run_file

PROMPT = "once upon"
ASKED: dict[str, Any] = {"prompt": PROMPT, "max_tokens": 12, "seed": 5}
PARAMS = SamplingParams(max_tokens=12, seed=5)
STAGES = """
tokenizer = "tokenizer"

[model]
hidden_size = 24
intermediate_size = 32
num_heads = 2
num_kv_heads = 1
head_dim = 12
layer_map = "0_0"

[[stages]]
name = "short"
mix = "short.toml"
batch_size = 4
training = { schedule = { peak = 1e-2 } }
"""


def served(*arguments: str) -> str:
    """What a server started with these arguments says."""
    with serving(*arguments) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="not-needed") as client:
        (model,) = client.models.list()
        return client.completions.create(model=model.id, **ASKED).choices[0].text


def said(model: Transformer, tokenizer: Tokenizer) -> str:
    return Engine(model, tokenizer).generate(PROMPT, PARAMS).text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_domains(home)
    return home


@pytest.mark.slow
def test_a_training_checkpoint(home: Path) -> None:
    checkpoint = train_run(read_run_file(write_run_file(home, num_steps=12)), home / "run")
    wanted = said(*load_model(checkpoint))
    assert served(str(checkpoint)) == wanted
    # Guesses change nothing.
    assert served(str(checkpoint), "--speculate", "4") == wanted


@pytest.mark.slow
def test_a_stage_and_the_model_of_a_staged_run(home: Path) -> None:
    (home / "short.toml").write_text(MIX.format(tokens=8 * 4 * 16, seed=1))
    (home / "stages.toml").write_text(STAGES)
    (stage,) = train_stages(read_stages_file(home / "stages.toml"), home / "staged")
    wanted = said(*load_hugging_face(home / "staged" / "model"))
    assert served(str(home / "staged" / "model")) == wanted
    assert served(stage["checkpoint"]) == wanted


@pytest.mark.slow
def test_a_gguf_file(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    write_gguf(file, quantize=True)
    assert served(str(file)) == said(*load_model(file))


@pytest.mark.slow
def test_a_policy_over_the_model_that_it_began_as(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train_bpe(["once upon a time there was a fire by the sea"], vocab_size=280)
    shape = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_heads=2,
        num_kv_heads=1,
        head_dim=16,
        layer_map="0_1s_1s_0",
        window=8,
        context_length=64,
        initializer_range=0.2,
    )
    model = Transformer(shape, seed=1)
    save_hugging_face(tmp_path / "model", model, tokenizer)
    before = said(model, tokenizer)
    learner = PolicyLearner(model, LearnerConfig(num_trainable_layers=2))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("layers.3."):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    learner.save(tmp_path / "policy")
    after = said(model, tokenizer)
    assert after != before
    assert served(str(tmp_path / "model")) == before
    assert served(str(tmp_path / "model"), "--policy", str(tmp_path / "policy")) == after
