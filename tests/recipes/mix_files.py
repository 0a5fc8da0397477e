"""A tokenizer, three small domains, and the files of runs over them."""

import random
from pathlib import Path

from fireside.recipes.build_domains import build_from, train_tokenizer

WORDS = {
    "web": "the a of news shop click page mail time people city street red blue",
    "code": "def return if else for in while x y z ( ) : = + - self import",
    "books": "once upon time king queen forest river said whispered old night stars",
}

MIX = """
tokens = {tokens}
sequence_length = 16
seed = {seed}

[domains]
web = "domains/web"
code = "domains/code"
books = "domains/books"

[[stages]]
name = "base"
shares = {{ web = 0.8, code = 0.1, books = 0.1 }}
"""

RUN = """
mix = "mix-{seed}.toml"
tokenizer = "tokenizer"
batch_size = 4
seed = {seed}

[model]
hidden_size = 24
intermediate_size = 32
num_heads = 2
num_kv_heads = 1
head_dim = 12
layer_map = "0_1"

[training.schedule]
peak = {peak}
kind = "stable-decay"
warmup_steps = 4
decay_fraction = 0.3

[upsampled]
shares = {{ web = 0.2, code = 0.4, books = 0.4 }}

[held_out]
web = "held-out/web"
code = "held-out/code"
books = "held-out/books"

[benchmarks]
endings = "endings.jsonl"
"""

QUESTIONS = """\
{"context": "once upon", "choices": [" time", " self", " click"], "answer": 0}
{"context": "def", "choices": [" queen", " x", " news"], "answer": 1}
"""


def write_texts(directory: Path) -> None:
    """`texts/<domain>.jsonl` and `texts/<domain>-held-out.jsonl`."""
    generator = random.Random(5)
    (directory / "texts").mkdir()
    for name, words in WORDS.items():
        for suffix, count in (("", 60 if name == "web" else 25), ("-held-out", 8)):
            lines = [
                '{"text": "' + " ".join(generator.choice(words.split()) for _ in range(60)) + '"}'
                for _ in range(count)
            ]
            (directory / "texts" / f"{name}{suffix}.jsonl").write_text("\n".join(lines) + "\n")


def write_domains(directory: Path) -> None:
    """The tokenizer, the domains, what is held out, and a benchmark."""
    write_texts(directory)
    texts = directory / "texts"
    train_tokenizer([texts / f"{name}.jsonl" for name in WORDS], directory / "tokenizer", vocab_size=300)
    for name in WORDS:
        for part, suffix in (("domains", ""), ("held-out", "-held-out")):
            source = texts / f"{name}{suffix}.jsonl"
            build_from(source, directory / part / name, directory / "tokenizer", name=name)
    (directory / "endings.jsonl").write_text(QUESTIONS)


def write_run_file(directory: Path, seed: int = 1, *, num_steps: int = 40, peak: float = 3e-3) -> Path:
    """The files of one run; returns the run file."""
    (directory / f"mix-{seed}.toml").write_text(MIX.format(tokens=num_steps * 4 * 16, seed=seed))
    file = directory / f"run-{seed}.toml"
    file.write_text(RUN.format(seed=seed, peak=peak))
    return file
