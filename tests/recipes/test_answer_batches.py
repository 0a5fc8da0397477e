"""Only answers are learnt, and packing changes nothing but speed."""

import random
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from fireside.core.errors import InputError
from fireside.core.protocols import BatchSource
from fireside.lm.config import ModelConfig
from fireside.lm.gradients import BatchLoss, accumulate_gradients
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.answer_batches import AnswerBatches, Example, read_examples

SHAPE = ModelConfig(
    vocab_size=30,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    layer_map="0_1s_1s_0",
    window=4,
    context_length=64,
)


def examples(count: int) -> list[Example]:
    generator = random.Random(4)

    def tokens(most: int) -> tuple[int, ...]:
        return tuple(generator.randrange(30) for _ in range(generator.randint(1, most)))

    return [Example(tokens(12), tokens(6)) for _ in range(count)]


def test_a_pass_over_packed_rows_has_the_loss_of_every_answer_by_itself() -> None:
    given, model = examples(23), Transformer(SHAPE, seed=1)
    source = AnswerBatches(given, batch_size=1, sequence_length=24, seed=7)
    assert isinstance(source, BatchSource)
    total, count = 0.0, 0
    with torch.no_grad():
        for one in given:
            tokens = torch.tensor([[*one.prompt, *one.answer]])
            logits_TV = model.logits(model(tokens[:, :-1]))[0, len(one.prompt) - 1 :]
            total += float(cross_entropy(logits_TV, torch.tensor(one.answer), reduction="sum"))
            count += len(one.answer)
    found, weight, step = 0.0, 0.0, 0
    while weight < count:
        batch = source.batch(step)
        found += accumulate_gradients(BatchLoss(model), batch) * float(batch.weights_BT.sum())
        weight += float(batch.weights_BT.sum())
        step += 1
    assert weight == count
    assert step < len(given)  # several share a row
    assert found == pytest.approx(total, rel=1e-5)


def test_every_pass_has_an_order_of_its_own_that_the_seed_decides() -> None:
    given = examples(40)

    def passes(seed: int) -> list[list[bytes]]:
        source = AnswerBatches(given, batch_size=1, sequence_length=18, seed=seed)
        first, step = source.batch(0), 1
        seen = [first.inputs_BT.tobytes()]
        while len(seen) < 60:
            seen.append(source.batch(step).inputs_BT.tobytes())
            step += 1
        size = len(set(seen))
        return [seen[:size], seen[size : 2 * size]]

    one, two = passes(0)
    assert sorted(one) != one
    assert one[: len(two)] != two
    assert passes(0) == [one, two]
    assert passes(1)[0] != one


def test_what_is_no_example_is_refused_by_its_line(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train_bpe(["where is it"], vocab_size=257)
    file = tmp_path / "answers.jsonl"
    file.write_text('{"prompt": "where", "answer": "it"}\n\n{"prompt": "where"}\n')
    with pytest.raises(InputError, match="line 3: an example is"):
        read_examples(file, tokenizer)
    file.write_text('{"prompt": "where", "answer": "it"}\n{"prompt": \n')
    with pytest.raises(InputError, match="line 2 is no JSON"):
        read_examples(file, tokenizer)
    file.write_text("")
    with pytest.raises(InputError, match="has no examples"):
        read_examples(file, tokenizer)
    with pytest.raises(InputError, match="cannot read"):
        read_examples(tmp_path / "nowhere", tokenizer)
    with pytest.raises(InputError, match="example 1 has 6 tokens to read, a row 5"):
        AnswerBatches(
            [Example((1,), (2,)), Example((1, 2, 3), (4, 5, 6, 7))], batch_size=1, sequence_length=5, seed=0
        )
