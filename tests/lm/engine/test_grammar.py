import json
from collections.abc import Callable

import jsonschema
import pytest

from fireside.core.errors import InputError
from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.grammar import GrammarCompiler, json_rule
from fireside.lm.tokenizer import Tokenizer

MakeEngine = Callable[..., Engine]
PLACE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "height": {"type": "integer", "minimum": 0, "maximum": 999},
        "kind": {"enum": ["lighthouse", "harbour"]},
        "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
    },
    "required": ["name", "height", "kind", "tags"],
    "additionalProperties": False,
}


def ask(engine: Engine, grammar: str, seed: int, **params: object) -> tuple[str, str]:
    request = SampleRequest(
        tuple(engine.tokenizer.encode("a fire")),
        SamplingParams(grammar=grammar, seed=seed, **params),  # type: ignore[arg-type]
    )
    sample = engine.sample([request])[0]
    return sample.text, sample.stop_reason


@pytest.mark.parametrize("seed", range(12))
def test_a_random_model_writes_json_that_is_valid_under_the_schema(
    make_engine: MakeEngine, seed: int
) -> None:
    temperature = (0.0, 1.0, 3.0)[seed % 3]
    text, reason = ask(
        make_engine(), f"start: {json_rule(PLACE)}", seed, max_tokens=200, temperature=temperature
    )
    assert reason == "stop"
    jsonschema.validate(json.loads(text), PLACE)
    assert "\n" not in text


def test_constrained_and_free_requests_share_a_batch(make_engine: MakeEngine) -> None:
    grammar = f"start: {json_rule(PLACE)}"
    prompt = tuple(make_engine().tokenizer.encode("a fire"))
    requests = [
        SampleRequest(prompt, SamplingParams(max_tokens=120, seed=i, grammar=grammar if i % 2 else None))
        for i in range(6)
    ]
    together = make_engine(max_sequences=3, max_batch_tokens=16).sample(requests)
    for request, sample in zip(requests, together, strict=True):
        alone = make_engine().sample([request])[0]
        assert (alone.tokens, alone.stop_reason) == (sample.tokens, sample.stop_reason)


def test_a_grammar_is_followed_to_its_end(make_engine: MakeEngine) -> None:
    for seed in range(6):
        text, reason = ask(make_engine(), 'start: ("yes" | "no") "."', seed, max_tokens=20)
        assert (text in ("yes.", "no."), reason) == (True, "stop")


def test_a_length_that_is_too_short_cuts_and_says_so(make_engine: MakeEngine) -> None:
    text, reason = ask(make_engine(), f"start: {json_rule(PLACE)}", 0, max_tokens=5)
    assert reason == "length"
    assert text.startswith("{")


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ('start: "a', "not valid"),
        (f"start: {json_rule({'type': 'strange'})}", "strange"),
        (f"start: {json_rule({'not': {'type': 'string'}})}", "Unimplemented keys"),
        (f"start: {json_rule({'$ref': 'http://127.0.0.1:9/x'})}", "does not fetch"),
    ],
)
def test_grammars_that_cannot_be_compiled_are_refused_before_anything_runs(
    make_engine: MakeEngine, rule: str, complaint: str
) -> None:
    engine = make_engine()
    with pytest.raises(InputError, match=complaint) as caught:
        ask(engine, rule, 0)
    assert "\n" not in str(caught.value)
    assert engine.num_computed_tokens == 0


def test_a_grammar_that_becomes_too_costly_fails_its_own_request_only(make_engine: MakeEngine) -> None:
    engine = make_engine(remember_prefixes=False)
    prompt = tuple(engine.tokenizer.encode("a fire"))
    other = SampleRequest(prompt, SamplingParams(max_tokens=40, seed=1))
    huge = {"type": "object", "properties": {f"p{i}": {} for i in range(5000)}}
    with engine.stream(other) as stream:
        with pytest.raises(InputError, match="the grammar cannot be followed"):
            ask(engine, f"start: {json_rule(huge)}", 0, max_tokens=30)
        assert stream.sample().tokens == make_engine().sample([other])[0].tokens
    assert engine.load().kv_bytes == 0


def test_the_end_token_is_allowed_only_where_the_text_may_end() -> None:
    tokenizer = Tokenizer.train_bpe(["ab"], vocab_size=257)
    state = GrammarCompiler(tokenizer, 257).compile('start: "a" "b"?')
    a, b = tokenizer.encode("a")[0], tokenizer.encode("b")[0]
    assert state.allowed().nonzero()[0].tolist() == [a]
    state.accept(a)
    assert state.allowed().nonzero()[0].tolist() == sorted([tokenizer.eos_id, b])


def test_names_of_special_tokens_in_strings_are_ordinary_text() -> None:
    tokenizer = Tokenizer.train_bpe(["ab"], vocab_size=257)
    state = GrammarCompiler(tokenizer, 257).compile('start: "<|endoftext|>"')
    for token in tokenizer.encode("<|endoftext|>"):
        assert state.allowed()[token]
        assert not state.allowed()[tokenizer.eos_id]
        state.accept(token)
    assert state.allowed().nonzero()[0].tolist() == [tokenizer.eos_id]
