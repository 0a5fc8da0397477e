"""Our own server as an endpoint: sampling parameters mean there what they mean to the engine."""

import threading
from pathlib import Path

from fireside.agents.endpoint import EndpointConfig, EndpointSampler
from fireside.core.protocols import Message, SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.server.http_server import HttpServer
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"


def test_an_endpoint_draws_what_the_engine_behind_it_draws(tmp_path: Path) -> None:
    Tokenizer.train_bpe(["a fire by the sea"] * 4, vocab_size=280).save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    tokenizer = Tokenizer.load(tmp_path)
    shape = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_heads=2,
        num_kv_heads=1,
        head_dim=16,
        layer_map="0_1s_1s_0",
        window=8,
        context_length=512,
        initializer_range=0.2,
    )
    engine = Engine(Transformer(shape, seed=17), tokenizer, EngineConfig(model_name="tiny"))
    server = HttpServer(engine, ServerConfig())
    started = threading.Event()
    thread = threading.Thread(target=server.run, args=(started.set,))
    thread.start()
    assert started.wait(30)
    sampler = EndpointSampler(EndpointConfig(base_url=f"{server.url}/v1", model="tiny"))
    question = [Message("user", "Is there a fire?")]
    try:
        for params in (
            SamplingParams(max_tokens=16, temperature=0.0),
            SamplingParams(max_tokens=16, seed=5, top_k=9, top_p=0.8, min_p=0.02),
            SamplingParams(max_tokens=16, temperature=0.0, repetition_penalty=1.3),
            SamplingParams(max_tokens=16, temperature=0.4, seed=8, presence_penalty=1.0, stop=("e",)),
            SamplingParams(max_tokens=16, temperature=0.4, seed=8, frequency_penalty=1.0),
        ):
            request = SampleRequest(sampler.chat_tokens(question, first=True), params)
            (found,) = sampler.sample([request])
            wanted = engine.generate(question, params)
            assert (found.text, found.stop_reason) == (wanted.text, wanted.stop_reason)
    finally:
        sampler.close()
        server.stop()
        thread.join()
