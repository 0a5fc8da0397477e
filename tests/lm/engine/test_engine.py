import threading
from collections.abc import Callable

import pytest
import torch

from fireside.core.errors import CapacityError, ConfigError, InputError
from fireside.core.protocols import Message, Sample, SampleRequest, SamplingParams, TokenSampler
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.kv_cache import cache_bytes
from fireside.lm.engine.kv_format import KVFormat
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
VOCAB = 273
WINDOW = 7
GREEDY = SamplingParams(max_tokens=24, temperature=0)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(["a fire by the sea, a fire by the shore"], vocab_size=VOCAB)


def model_of(tiny: TinyConfig, preset: str, **changes: object) -> Transformer:
    """Weights large enough that greedy choices differ; the end token is never the likeliest."""
    sizes: dict[str, object] = {
        "vocab_size": VOCAB,
        "window": WINDOW,
        "rope_theta": 300.0,
        "rope_theta_sliding": 100.0,
        "tie_embeddings": False,
    }
    model = Transformer(tiny(str(LayerMap.preset(preset, 12, WINDOW)), **{**sizes, **changes}), seed=11)
    with torch.no_grad():
        model.lm_head.weight[0] = 0.0  # the end token
    return model


def prompt(length: int, seed: int = 0) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(1, VOCAB, (length,), generator=generator).tolist())


def without_cache(model: Transformer, tokens: tuple[int, ...], params: SamplingParams) -> Sample:
    """Greedy decoding that runs the whole training model for every token."""
    sequence = list(tokens)
    logprobs = []
    with torch.no_grad():
        for _ in range(params.max_tokens):
            logits_V = model.logits(model(torch.tensor([sequence])))[0, -1]
            sequence.append(int(logits_V.argmax()))
            logprobs.append(float(logits_V.log_softmax(-1)[sequence[-1]]))
            if sequence[-1] == 0:
                break
    return Sample(tuple(sequence[len(tokens) :]), tuple(logprobs), "", "length", 0)


def assert_same(found: Sample, wanted: Sample) -> None:
    assert found.tokens == wanted.tokens
    assert found.logprobs == pytest.approx(wanted.logprobs, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_cached_chunked_and_resumed_decoding_equal_the_model_without_a_cache(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str
) -> None:
    model = model_of(tiny, preset)
    tokens = prompt(41)
    wanted = without_cache(model, tokens, GREEDY)
    whole = Engine(model, tokenizer, EngineConfig(remember_prefixes=False))
    chunked = Engine(model, tokenizer, EngineConfig(max_sequences=2, max_batch_tokens=9))

    assert_same(whole.sample([SampleRequest(tokens, GREEDY)])[0], wanted)
    assert_same(chunked.sample([SampleRequest(tokens, GREEDY)])[0], wanted)
    # The same prompt, and a later turn of the same conversation, are found in the cache.
    assert_same(chunked.sample([SampleRequest(tokens, GREEDY)])[0], wanted)
    later = (*tokens, *wanted.tokens, *prompt(5, seed=1))
    assert_same(chunked.sample([SampleRequest(later, GREEDY)])[0], without_cache(model, later, GREEDY))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("num_draft_tokens", [0, 3])
def test_preempted_and_resumed_decoding_equals_undisturbed(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str, num_draft_tokens: int
) -> None:
    window = 40  # windows grow too, for as long as they are not full
    model = model_of(tiny, preset, window=window)
    requests = [
        SampleRequest(prompt(length, seed=length), SamplingParams(max_tokens=30, temperature=t, seed=length))
        for length, t in ((9, 0.0), (13, 1.0), (17, 0.7), (3, 0.0))
    ]
    blocks = KVFormat(block_tokens=4)
    calm = Engine(model, tokenizer, EngineConfig(kv_format=blocks, remember_prefixes=False))
    room = cache_bytes(model.config, 47, blocks) + cache_bytes(model.config, 20, blocks)
    tight = Engine(
        model,
        tokenizer,
        EngineConfig(
            kv_format=blocks, kv_cache_bytes=room, max_batch_tokens=33, num_draft_tokens=num_draft_tokens
        ),
    )
    for found, wanted in zip(tight.sample(requests), calm.sample(requests), strict=True):
        assert_same(found, wanted)
    assert calm.load().num_preemptions == 0
    assert 0 < tight.load().num_preemptions <= len(requests)


@pytest.mark.parametrize("preset", ["standard", "sliding", "ma-pairs", "ma-offset"])
def test_a_remembered_prefix_is_not_computed_again(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str
) -> None:
    engine = Engine(model_of(tiny, preset), tokenizer)
    one = SamplingParams(max_tokens=3, temperature=0)
    tokens = prompt(60)
    first = engine.sample([SampleRequest(tokens, one)])[0]
    computed = [engine.num_computed_tokens]
    engine.sample([SampleRequest(tokens, one)] * 4)
    computed.append(engine.num_computed_tokens)
    engine.sample([SampleRequest((*tokens, *first.tokens, 5, 6, 7), one)])
    computed.append(engine.num_computed_tokens)
    assert computed[0] == 60 + 2
    # The last token of each prompt, and two drawn ones.
    assert computed[1] - computed[0] == 4 * (1 + 2)
    # The last token drawn before had not been computed.
    assert computed[2] - computed[1] == 1 + 3 + 2


@pytest.mark.parametrize("preset", ["standard", "ma-pairs"])
def test_a_group_that_arrives_together_reads_its_prompt_once(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str
) -> None:
    model = model_of(tiny, preset)
    engine = Engine(model, tokenizer, EngineConfig(max_batch_tokens=33))
    tokens = prompt(100)
    group = [SampleRequest(tokens, SamplingParams(max_tokens=4, seed=i)) for i in range(8)]
    together = engine.sample(group)
    assert engine.num_computed_tokens == 100 + 7 + 8 * 3
    alone = [Engine(model, tokenizer).sample([request])[0] for request in group]
    for a, b in zip(together, alone, strict=True):
        assert_same(a, b)
    assert len({sample.tokens for sample in together}) > 4


@pytest.mark.parametrize("preset", ["standard", "ma-pairs", "ma-no-share-2"])
def test_samples_do_not_depend_on_what_shares_the_batch(
    tiny: TinyConfig, tokenizer: Tokenizer, preset: str
) -> None:
    model = model_of(tiny, preset)
    requests = [
        SampleRequest(
            prompt(3 + 11 * i, seed=i),
            SamplingParams(
                max_tokens=5 + i, temperature=(0.0, 0.7, 1.3)[i % 3], top_p=(1.0, 0.8)[i % 2], seed=i
            ),
        )
        for i in range(9)
    ]
    crowded = Engine(model, tokenizer, EngineConfig(max_sequences=4, max_batch_tokens=16)).sample(requests)
    for request, sample in zip(requests, crowded, strict=True):
        assert_same(Engine(model, tokenizer).sample([request])[0], sample)


def test_queries_and_keys_normalised_per_head_decode_alike(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = model_of(tiny, "ma-pairs", qk_norm=True)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.normal_(1.0, 0.3, generator=torch.Generator().manual_seed(len(name)))
    wanted = without_cache(model, prompt(20), GREEDY)
    assert_same(Engine(model, tokenizer).sample([SampleRequest(prompt(20), GREEDY)])[0], wanted)


def test_log_probabilities_are_those_of_the_untempered_model(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = model_of(tiny, "ma-offset")
    params = SamplingParams(max_tokens=12, temperature=2.5, top_p=0.9, seed=4)
    tokens = prompt(15)
    sample = Engine(model, tokenizer).sample([SampleRequest(tokens, params)])[0]
    with torch.no_grad():
        logits_BTV = model.logits(model(torch.tensor([[*tokens, *sample.tokens]])))
    wanted = logits_BTV[0, 14:-1].log_softmax(-1).gather(1, torch.tensor(sample.tokens)[:, None])[:, 0]
    assert sample.logprobs == pytest.approx(wanted.tolist(), abs=1e-5)


def test_the_end_token_ends_a_sample_and_is_part_of_it(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = model_of(tiny, "standard")
    with torch.no_grad():
        # The output sees the end token in every direction it has seen the first greedy choice in.
        first = without_cache(model, prompt(9), SamplingParams(max_tokens=1)).tokens[0]
        model.lm_head.weight[tokenizer.eos_id] = model.lm_head.weight[first] * 1.5
    sample = Engine(model, tokenizer).sample([SampleRequest(prompt(9), GREEDY)])[0]
    assert (sample.tokens[-1], sample.stop_reason) == (tokenizer.eos_id, "stop")
    assert "<|endoftext|>" not in sample.text


def test_text_ends_before_a_stop_string_and_tokens_after_it(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    engine = Engine(model_of(tiny, "standard"), tokenizer)
    params = SamplingParams(max_tokens=40, temperature=1.0, seed=1)
    free = engine.sample([SampleRequest(prompt(9), params)])[0]
    # A stop string that straddles two tokens.
    pieces = [tokenizer.decode([token]) for token in free.tokens]
    at = next(i for i in range(3, 38) if "\ufffd" not in pieces[i] + pieces[i + 1])
    stop = pieces[at][-1] + pieces[at + 1][0]
    stopped = engine.sample(
        [SampleRequest(prompt(9), SamplingParams(max_tokens=40, seed=1, stop=("never seen", stop)))]
    )[0]
    assert stopped.stop_reason == "stop"
    assert stopped.text == free.text[: free.text.index(stop)]
    assert stopped.tokens == free.tokens[: len(stopped.tokens)]
    assert stop in tokenizer.decode(stopped.tokens)
    assert stop not in tokenizer.decode(stopped.tokens[:-1])


def test_a_sample_ends_with_the_context(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    engine = Engine(model_of(tiny, "ma-pairs", context_length=32), tokenizer)
    sample = engine.sample([SampleRequest(prompt(30), SamplingParams(max_tokens=100, temperature=0))])[0]
    assert (len(sample.tokens), sample.stop_reason) == (2, "length")
    with pytest.raises(CapacityError, match="prompt has 32 tokens and the model's context 32"):
        engine.sample([SampleRequest(prompt(32), GREEDY)])


def test_new_weights_are_used_and_old_keys_and_values_forgotten(
    tiny: TinyConfig, tokenizer: Tokenizer
) -> None:
    model = model_of(tiny, "ma-pairs")
    engine = Engine(model, tokenizer, version=3)
    request = SampleRequest(prompt(30), GREEDY)
    before = engine.sample([request])[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    engine.weights_changed(4)
    after = engine.sample([request])[0]
    assert (before.version, after.version) == (3, 4)
    assert after.tokens != before.tokens
    assert_same(after, without_cache(model, prompt(30), GREEDY))


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        (SamplingParams(max_tokens=0), "max_tokens must be at least 1"),
        (SamplingParams(temperature=-1), "temperature must be 0"),
        (SamplingParams(temperature=float("nan")), "temperature must be 0"),
        (SamplingParams(top_p=0), "top_p must be above 0"),
        (SamplingParams(top_p=1.1), "top_p must be above 0"),
        (SamplingParams(stop=("",)), "stop string must not be empty"),
        (SamplingParams(seed=-1), "seed must be from 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    tiny: TinyConfig, tokenizer: Tokenizer, params: SamplingParams, complaint: str
) -> None:
    engine = Engine(model_of(tiny, "standard"), tokenizer)
    with pytest.raises(ConfigError, match=complaint):
        engine.sample([SampleRequest((1, 2), params)])


def test_prompts_that_cannot_be_read_are_refused_and_leave_nothing_behind(
    tiny: TinyConfig, tokenizer: Tokenizer
) -> None:
    model = model_of(tiny, "standard")
    engine = Engine(model, tokenizer, EngineConfig(kv_cache_bytes=cache_bytes(model.config, 64)))
    good = SampleRequest(prompt(20), GREEDY)
    with pytest.raises(InputError, match="prompt is empty"):
        engine.sample([good, SampleRequest((), GREEDY)])
    with pytest.raises(InputError, match="token ids from 1 to 273"):
        engine.sample([good, SampleRequest((1, 273), GREEDY)])
    with pytest.raises(CapacityError, match="raise kv_cache_bytes"):
        engine.sample([good, SampleRequest(prompt(20), SamplingParams(max_tokens=100))])
    assert engine._scheduler.is_idle
    assert_same(engine.sample([good])[0], without_cache(model, prompt(20), GREEDY))


def test_more_requests_than_memory_wait_their_turn(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = model_of(tiny, "ma-pairs")
    room_for_two = 2 * cache_bytes(model.config, 48)
    engine = Engine(model, tokenizer, EngineConfig(kv_cache_bytes=room_for_two))
    requests = [SampleRequest(prompt(20 + i, seed=i), GREEDY) for i in range(7)]
    for request, sample in zip(requests, engine.sample(requests), strict=True):
        assert_same(sample, without_cache(model, request.prompt_tokens, GREEDY))


def test_threads_share_the_steps_of_one_engine(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    model = model_of(tiny, "ma-pairs")
    engine = Engine(model, tokenizer)
    found: dict[int, Sample] = {}

    def ask(i: int) -> None:
        found[i] = engine.sample([SampleRequest(prompt(10 + i, seed=i), GREEDY)])[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(5):
        assert_same(found[i], without_cache(model, prompt(10 + i, seed=i), GREEDY))


def test_a_vocabulary_that_is_not_the_models_is_refused(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="tokenizer has 273 tokens and the model 61"):
        Engine(Transformer(tiny(), seed=0), tokenizer)


def test_without_a_chat_template_messages_are_refused(tiny: TinyConfig, tokenizer: Tokenizer) -> None:
    engine = Engine(model_of(tiny, "standard"), tokenizer, EngineConfig(model_name="scratch"))
    assert isinstance(engine, TokenSampler)
    with pytest.raises(InputError, match="scratch has no chat template"):
        engine.generate([Message("user", "hello")])


def test_an_engine_that_could_read_no_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match="must exceed max_sequences"):
        EngineConfig(max_sequences=64, max_batch_tokens=64)
    with pytest.raises(ConfigError, match="kv_cache_bytes"):
        EngineConfig(kv_cache_bytes=0)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_of_a_padded_embedding_are_never_drawn_or_reported(
    tiny: TinyConfig, tokenizer: Tokenizer, temperature: float
) -> None:
    """The rows beyond the tokenizer's are the likeliest here."""
    model = model_of(tiny, "ma-pairs", vocab_size=VOCAB + 15)
    padded = Transformer(model.config, seed=11)
    with torch.no_grad():
        model.lm_head.weight[VOCAB:] = 0.0
        padded.load_state_dict(model.state_dict())
        padded.lm_head.weight[VOCAB:] = 40 * model.lm_head.weight[1:16]
    params = SamplingParams(max_tokens=30, temperature=temperature, seed=3, top_logprobs=4)
    request = SampleRequest(prompt(20), params)
    found = Engine(padded, tokenizer).sample([request])[0]
    assert max(found.tokens) < VOCAB
    assert all(token < VOCAB for top in found.top_logprobs for token, _ in top)
    # The same tokens are drawn as if those rows had nothing to say; only their probabilities differ.
    wanted = Engine(model, tokenizer).sample([request])[0]
    assert found.tokens == wanted.tokens
    assert found.logprobs != wanted.logprobs
