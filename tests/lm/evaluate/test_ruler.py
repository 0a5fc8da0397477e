"""RULER's prompts: an oracle that reads nothing else answers them all, and no length is exceeded."""

import re
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.lm.evaluate.ruler import (
    RULER_TASKS,
    DocumentQuestion,
    QuestionSet,
    RulerTexts,
    read_hotpotqa,
    read_squad,
    ruler_prompts,
)
from fireside.lm.evaluate.ruler.haystack import NOISE, sentences_of
from fireside.lm.evaluate.ruler.score import score
from fireside.lm.evaluate.ruler.words import ADJECTIVES, NOUNS
from fireside.lm.tokenizer import Tokenizer

# Words are a token or two each, as in the vocabularies of real models.
TOKENIZER = Tokenizer.train_bpe([" ".join([NOISE, *ADJECTIVES, *NOUNS])] * 3, vocab_size=1500)
PLACES = [f"Land{i}" for i in range(40)]
DOCUMENTS = tuple(
    [f"The capital of {place} is City{i}." for i, place in enumerate(PLACES)]
    + [f"The river of {place} is Stream{i}." for i, place in enumerate(PLACES)]
)
TEXTS = RulerTexts(
    sentences=sentences_of("Ein Kühler Wind wehte. 風が吹く。Nobody came! Was it late? " * 9),
    single_hop=QuestionSet(
        tuple(
            DocumentQuestion(text=f"the capital of {place}", answers=(f"City{i}",), supporting=(i,))
            for i, place in enumerate(PLACES)
        ),
        DOCUMENTS,
    ),
    multi_hop=QuestionSet(
        tuple(
            DocumentQuestion(
                text=f"the river where the capital is City{i}",
                answers=(f"Stream{i}",),
                supporting=(i, 40 + i),
            )
            for i in range(40)
        ),
        DOCUMENTS,
    ),
)


def count(prompt, prefix):
    return len(TOKENIZER.encode(prompt + prefix))


def made(task, length, num_samples=1, seed=0):
    return ruler_prompts(task, length=length, num_samples=num_samples, texts=TEXTS, count=count, seed=seed)


def oracle(task, prompt):
    """What someone who reads everything answers."""
    if task.startswith("niah"):
        (query,) = re.findall(r"magic \w+ for (.*) mentioned in the provided text\?$", prompt)
        keys = re.split(r",? and |, ", query)
        found = re.findall(r"magic \w+ for (\S+) is: (\S+)\.", prompt)
        assert all(sum(key == asked for key, _ in found) in (1, 4) for asked in keys)
        return " ".join(value for key, value in found if key in keys)
    if task == "vt":
        (value,) = re.findall(r"assigned the value (\d+) in the text above\.$", prompt)
        known = set()
        for name, of in re.findall(r"VAR (\w+) = (?:VAR )?(\w+)", prompt):
            if of == value or of in known:
                known.add(name)
        return " ".join(known)
    if task == "cwe":
        listed = prompt[prompt.rindex("appear most often.") :]
        return " ".join(word for word, _ in Counter(re.findall(r"\d+\. (\w+)", listed)).most_common(10))
    if task == "fwe":
        coded = prompt.split("coded words. ")[1].split("\nQuestion")[0].split()
        words = Counter(word for word in coded if word != "...")
        ranked = words.most_common(4)
        assert len(ranked) < 4 or ranked[2][1] > ranked[3][1]
        return " ".join(word for word, _ in ranked[:3])
    if task == "qa_1":
        (place,) = re.findall(r"Question: the capital of (\w+)$", prompt)
    else:
        (city,) = re.findall(r"capital is (\w+)$", prompt)
        (place,) = set(re.findall(rf"The capital of (\w+) is {city}\.", prompt))
    kind = "capital" if task == "qa_1" else "river"
    return " ".join(set(re.findall(rf"The {kind} of {place} is (\w+)\.", prompt)))


@pytest.mark.parametrize("task", RULER_TASKS)
@given(length=st.integers(1024, 6000), seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_an_oracle_answers_every_prompt_and_no_length_is_exceeded(task, length, seed):
    (one,) = made(task, length, seed=seed)
    room = RULER_TASKS[task].answer_tokens
    assert one.num_tokens == count(one.prompt.text, one.prompt.answer_prefix) <= length - room
    assert one.num_tokens + room >= 0.8 * length
    assert score(oracle(task, one.prompt.text), one.prompt.references, RULER_TASKS[task].match) == 1.0


@pytest.mark.parametrize("task", RULER_TASKS)
def test_prompts_are_a_function_of_seed_and_index(task):
    first, again, other = made(task, 1800, 2), made(task, 1800, 2), made(task, 1800, 2, seed=1)
    assert first == again
    assert first[0] != first[1]
    assert first != other


@pytest.mark.parametrize("task", RULER_TASKS)
def test_a_length_without_room_says_how_much_is_needed(task):
    with pytest.raises(InputError, match=f"{task} needs about .* tokens .* 40 were given"):
        made(task, 40)


@pytest.mark.parametrize("task", ["niah_single_2", "qa_1", "qa_2"])
def test_a_task_without_its_text_says_what_to_give(task):
    with pytest.raises(InputError, match="give a file"):
        ruler_prompts(task, length=2000, num_samples=1, texts=RulerTexts(), count=count)


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"no task 'niah'.*niah_single_1"):
        made("niah", 1000)


def test_scores_by_hand():
    assert score("one and Two", ["one", "two", "three", "four"], "all") == 0.5
    assert score("", ["one"], "all") == score("none", ["two", "three"], "part") == 0.0


def test_squad_files_are_read_without_what_cannot_be_answered(tmp_path):
    answered = {"question": "Who?", "answers": [{"text": "Ada"}, {"text": "Ada"}, {"text": "A. L."}]}
    impossible = {"question": "When?", "answers": [], "is_impossible": True}
    paragraphs = [{"context": "Ada did.", "qas": [answered, impossible]}, {"context": "Rain.", "qas": []}]
    file = tmp_path / "squad.json"
    file.write_bytes(msgspec.json.encode({"version": "2.0", "data": [{"paragraphs": paragraphs}]}))
    read = read_squad(file)
    assert read.documents == ("Ada did.", "Rain.")
    (question,) = read.questions
    assert (question.answers, question.supporting, question.related) == (("Ada", "A. L."), (0,), (1,))
    with pytest.raises(InputError, match="not of HotpotQA's format"):
        read_hotpotqa(file)


def test_hotpotqa_files_are_read_with_both_supporting_documents(tmp_path):
    item = {
        "question": "Same?",
        "answer": "yes",
        "supporting_facts": [["A", 0], ["B", 1]],
        "context": [["C", ["c."]], ["A", ["a."]], ["B", ["b0.", " b1."]]],
    }
    file = tmp_path / "hotpot.json"
    file.write_bytes(msgspec.json.encode([item]))
    read = read_hotpotqa(file)
    assert read.documents == ("C\nc.", "A\na.", "B\nb0. b1.")
    assert (read.questions[0].supporting, read.questions[0].related) == ((1, 2), (0,))
