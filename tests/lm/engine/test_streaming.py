import gc
import threading
import time
from collections.abc import Callable

import pytest

from fireside.core.errors import CapacityError, EngineError, InputError
from fireside.core.protocols import Sample, SampleRequest, SamplingParams
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.piece import Event, Piece
from fireside.lm.tokenizer import Tokenizer

MakeEngine = Callable[..., Engine]
LONG = 200


def request(prompt: str = "a fire by", **params: object) -> SampleRequest:
    tokens = tuple(Tokenizer.train_bpe(["x"], vocab_size=257).encode(prompt))
    # With this seed nothing ends by itself.
    return SampleRequest(tokens, SamplingParams(**{"seed": 4, **params}))  # type: ignore[arg-type]


def assert_same(found: Sample, wanted: Sample) -> None:
    """Log-probabilities may differ in the last bit: a remembered prompt is computed in other pieces."""
    assert (found.tokens, found.text, found.stop_reason) == (wanted.tokens, wanted.text, wanted.stop_reason)
    assert found.logprobs == pytest.approx(wanted.logprobs, abs=1e-5)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("seed", range(8))
def test_a_streamed_answer_is_the_sample(make_engine: MakeEngine, seed: int) -> None:
    engine = make_engine()
    # Random bytes are mostly broken UTF-8: characters come in parts, and some never end.
    asked = request(max_tokens=60, seed=seed, temperature=1.5, top_logprobs=seed % 3, stop=("e", "qu"))
    (sample,) = engine.sample([asked])
    with engine.stream(asked) as stream:
        pieces = list(stream)
        assert_same(stream.sample(), sample)
    sample = stream.sample()
    assert tuple(piece.token for piece in pieces) == sample.tokens
    assert tuple(piece.logprob for piece in pieces) == sample.logprobs
    assert [piece.top_logprobs for piece in pieces if piece.top_logprobs] == list(sample.top_logprobs)
    assert "".join(piece.text for piece in pieces) == sample.text


def test_what_may_begin_a_stop_string_is_held_back(make_engine: MakeEngine) -> None:
    engine = make_engine()
    free = engine.sample([request(max_tokens=60, seed=3)])[0]
    at = next(i for i in range(5, 40) if "\ufffd" not in free.text[i : i + 3])
    stop = free.text[at : at + 3]
    with engine.stream(request(max_tokens=60, seed=3, stop=(stop, free.text[at + 1 :]))) as stream:
        shown = ""
        for piece in stream:
            shown += piece.text
            # Nothing that is taken back later has ever been shown.
            assert free.text[: free.text.index(stop)].startswith(shown)
    assert shown == free.text[: free.text.index(stop)]
    assert stream.sample().stop_reason == "stop"


def test_several_threads_read_streams_of_one_engine(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=4, max_batch_tokens=32)
    asked = [request(f"{'a fire by the sea, '[: i + 2]}", max_tokens=20, seed=i) for i in range(12)]
    alone = [make_engine().sample([one])[0] for one in asked]
    found: dict[int, str] = {}

    def read(i: int) -> None:
        with engine.stream(asked[i]) as stream:
            found[i] = "".join(piece.text for piece in stream)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(12)] == [sample.text for sample in alone]


def test_a_cancelled_request_frees_its_memory_and_harms_no_other(make_engine: MakeEngine) -> None:
    engine = make_engine(remember_prefixes=False)
    other = request("by the sea", max_tokens=LONG, seed=2)
    wanted = make_engine().sample([other])[0]
    with engine.stream(other) as stays, engine.stream(request(max_tokens=LONG)) as goes:
        next(goes)
        next(stays)
        wait_until(lambda: engine.load().num_running == 2)
        held = engine.load().kv_bytes
        goes.cancel()
        wait_until(lambda: engine.load().num_running < 2)
        assert engine.load().kv_bytes < held
        list(goes)  # ends
        with pytest.raises(InputError, match="cancelled"):
            goes.sample()
        assert_same(stays.sample(), wanted)
    assert (engine.load().kv_bytes, engine.load().num_waiting) == (0, 0)


def test_a_request_that_waits_can_be_cancelled(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=1, remember_prefixes=False)
    with engine.stream(request(max_tokens=LONG)) as runs:
        next(runs)
        with engine.stream(request(max_tokens=LONG, seed=1)):
            assert engine.load().num_waiting == 1
        wait_until(lambda: engine.load().num_waiting == 0)
        assert len(runs.sample().tokens) == LONG


def test_a_forgotten_stream_is_cancelled(make_engine: MakeEngine) -> None:
    engine = make_engine(remember_prefixes=False)
    stream = engine.stream(request(max_tokens=LONG))
    next(stream)
    del stream
    gc.collect()
    wait_until(lambda: engine.load().kv_bytes == 0)
    assert engine.num_computed_tokens < LONG


def test_an_error_inside_a_step_reaches_every_caller_and_the_engine_goes_on(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(max_sequences=2, max_batch_tokens=32)
    run, steps = engine._runner.run, []

    def fails_once(chunks: object) -> object:
        steps.append(chunks)
        if len(steps) == 5:
            raise MemoryError("no room for logits")
        return run(chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._runner, "run", fails_once)
    told: list[Event] = []
    for seed in range(3):
        engine.submit(request(max_tokens=LONG, seed=seed), told.append)
    with pytest.raises(EngineError, match=r"MemoryError: no room for logits.*send it again"):
        engine.sample([request(max_tokens=LONG, seed=9)])
    wait_until(lambda: sum(isinstance(event, EngineError) for event in told) == 3)
    assert engine.load().num_running == engine.load().num_waiting == 0
    assert_same(engine.sample([request(max_tokens=5)])[0], make_engine().sample([request(max_tokens=5)])[0])


def test_a_listener_that_fails_loses_its_own_request_only(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(remember_prefixes=False)

    def broken(event: Event) -> None:
        raise RuntimeError("a listener's own defect")

    engine.submit(request(max_tokens=LONG), broken)
    assert len(engine.sample([request(max_tokens=20, seed=1)])[0].tokens) == 20
    wait_until(lambda: engine.load().kv_bytes == 0)
    assert "a listener failed" in caplog.text


def test_without_pieces_the_end_alone_is_told(make_engine: MakeEngine) -> None:
    engine = make_engine()
    told: list[Event] = []
    engine.submit(request(max_tokens=9), told.append, with_pieces=False)
    wait_until(lambda: len(told) == 1)
    assert isinstance(told[0], Sample)
    assert_same(told[0], engine.sample([request(max_tokens=9)])[0])
    engine.submit(request(max_tokens=9), told.append)
    wait_until(lambda: isinstance(told[-1], Sample) and len(told) > 1)
    assert [type(event) for event in told[1:]] == [Piece] * 9 + [Sample]


def test_a_request_that_cannot_run_is_refused_at_once(make_engine: MakeEngine) -> None:
    engine = make_engine(context_length=16)
    with pytest.raises(CapacityError, match="the model's context 16"):
        engine.stream(request("a fire by the sea, a fire"))
    assert engine.load().num_waiting == 0


def test_weights_do_not_change_under_a_running_request(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with engine.stream(request(max_tokens=LONG)) as stream:
        next(stream)
        with pytest.raises(InputError, match="busy with 1 requests: wait"):
            engine.weights_changed(1)
    engine.weights_changed(1)
    assert engine.sample([request(max_tokens=1)])[0].version == 1


def test_samples_of_one_prompt_share_its_keys_and_values(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = "a fire by the sea, a fire by the shore"
    group = [request(prompt, max_tokens=4, seed=i) for i in range(6)]
    samples = engine.sample(group)
    length = len(group[0].prompt_tokens)
    assert engine.num_computed_tokens == length + 5 + 6 * 3
    assert [make_engine().sample([one])[0].tokens for one in group] == [one.tokens for one in samples]


def test_penalties_and_biases_steer_and_log_probabilities_stay_the_models(make_engine: MakeEngine) -> None:
    engine = make_engine()
    plain = engine.sample([request(max_tokens=30, temperature=0)])[0]
    assert len(set(plain.tokens)) < 30
    spread = engine.sample([request(max_tokens=30, temperature=0, presence_penalty=1e4)])[0]
    assert len(set(spread.tokens)) == 30
    forced = engine.sample([request(max_tokens=5, logit_bias=((70, 1e4),), top_logprobs=280)])[0]
    assert forced.tokens == (70,) * 5
    assert [dict(top)[70] for top in forced.top_logprobs] == pytest.approx(list(forced.logprobs), abs=1e-5)
    assert max(forced.logprobs) < -0.5
