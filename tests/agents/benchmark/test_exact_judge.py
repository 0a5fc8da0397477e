import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.agents.benchmark.judge import ExactJudge
from fireside.agents.question import Kind, Nugget, Question
from fireside.agents.rewards import Judge, Verdict

S, P, N = "support", "partial_support", "not_support"


def ask(text: str, *nuggets: Nugget | str, kind: Kind = "entity") -> Question:
    return Question(
        question_id="q",
        text=text,
        kind=kind,
        nuggets=tuple(Nugget(nugget) if isinstance(nugget, str) else nugget for nugget in nuggets),
        document_ids=("d",),
        split="train",
    )


def labels(question: Question, answer: str) -> tuple[str, ...]:
    return ExactJudge().judge(question, answer).labels


NIGER = ask("Which landlocked country borders Algeria, Benin and Chad?", "Niger")


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("Niger", S),
        ("niger", S),
        ("NIGER", S),
        ("Answer: **Niger** [niger]", S),
        ("It is Niger.", S),
        ("The country that borders Algeria, Benin and Chad is Niger.", S),
        ("Niger, a landlocked country in West Africa", S),
        ("Niger. Niger borders Algeria, Benin, Burkina Faso, Chad, Libya, Mali and Nigeria.", S),
        ("Based on the documents, the answer is Niger.", S),
        ("Niger, not Nigeria", S),
        ("not Nigeria but Niger", S),
        ("Nigeria", N),
        ("Nigeria, Niger", N),
        ("Mali or Niger", N),
        ("Niger or Mali", P),
        ("It could be Niger or perhaps Mali", P),
        ("not Niger", N),
        ("It is not Niger.", N),
        ("Niger is not the answer", N),
        ("any country other than Niger", N),
        ("The Niger River", N),
        ("New Niger", N),
        ("", N),
        ("I do not know", N),
        ("Mali. It is not Niger.", N),
        ("Explanation: it is Niger\nAnswer: Mali", N),
        ("Answer: Mali\nAnswer: Niger\nConfidence: 90%", S),
        ("Mali, Togo, Ghana, Niger, Nigeria, Senegal", N),
        ("Niger, Mali, Togo, Ghana, Nigeria, Senegal", N),
        ("niger mali togo ghana", N),
        ("the country is niger", S),
    ],
)
def test_one_name(answer: str, label: str) -> None:
    assert labels(NIGER, answer) == (label,)


@pytest.mark.parametrize(
    ("name", "answer", "label"),
    [
        ("Guinea", "Equatorial Guinea", N),
        ("Guinea", "equatorial guinea", N),
        ("Guinea", "Guinea-Bissau", N),
        ("Guinea", "guinea bissau", N),
        ("Guinea", "Papua New Guinea", N),
        ("Guinea", "the Gulf of Guinea", N),
        ("Guinea", "Guinea", S),
        ("Niamey", "the City of Niamey", S),
        ("Chad", "the Republic of Chad", S),
        ("Guinea-Bissau", "Guinea Bissau", S),
        ("Equatorial Guinea", "Equatorial Guinea", S),
        ("Republic of the Congo", "Democratic Republic of the Congo", N),
        ("Sudan", "South Sudan", N),
        ("Dominica", "the Dominican Republic", N),
        ("Côte d'Ivoire", "Cote d’Ivoire", S),
        ("Côte d'Ivoire", "CÔTE D'IVOIRE", S),
        ("The Gambia", "Gambia", S),
        ("Saint Lucia", "St. Lucia.", S),
        ("Bosnia and Herzegovina", "Bosnia & Herzegovina", N),
        ("Bosnia and Herzegovina", "It is Bosnia and Herzegovina, in Europe.", S),
        ("Washington, D.C.", "Washington DC", S),
        ("São Tomé", "Sao Tome", S),
        ("Łódź", "Lodz", S),
        ("Straße", "STRASSE", S),
        ("Timor-Leste", "Timor-Leste", S),
        ("K2", "K2 (Mt. Godwin-Austen)", S),
        ("Mount Kenya", "Mt. Kenya", S),
        ("XOF", "The code is XOF.", S),
        (".fr", ".fr", S),
        (".fr", "the code is fr", S),
        (".fr", ".de, .fr", N),
        ("blue whale", "The blue whale", S),
        ("blue whale", "a lion, a blue whale", N),
        ("blue whale", "lion tiger elephant zebra horse blue whale", N),
    ],
)
def test_names_match_up_to_case_accents_and_articles_but_not_inside_longer_names(
    name: str, answer: str, label: str
) -> None:
    assert labels(ask("Which one is meant?", name), answer) == (label,)


def test_aliases_count_as_much() -> None:
    question = ask("Which country?", Nugget("Côte d'Ivoire", aliases=("Ivory Coast",)))
    assert labels(question, "Ivory Coast") == (S,)


def test_what_the_question_says_is_no_guess() -> None:
    question = ask("What is the capital of Chad?", "N'Djamena")
    assert labels(question, "The capital of Chad is N'Djamena.") == (S,)
    assert labels(question, "Chad: N’Djamena") == (S,)
    assert labels(question, "N'Djamena Chad") == (S,)
    assert labels(question, "The capital of Chad is Niamey.") == (N,)
    assert labels(question, "Chad") == (N,)


def test_of_two_that_the_question_offers_the_first_named_is_the_answer() -> None:
    question = ask("Which is larger, Chad or Niger?", "Chad")
    assert labels(question, "Chad") == (S,)
    assert labels(question, "Niger, not Chad") == (N,)
    assert labels(question, "Niger is smaller than Chad") == (N,)
    assert labels(question, "Chad or Niger") == (P,)


POPULATION = ask(
    "What is the population of France?",
    Nugget("68.5 million", number=68_512_806, unit="people", tolerance=685_128),
    kind="numeric",
)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("68,512,806", S),
        ("68.5 million", S),
        ("68 512 806 (2025 est.)", S),
        ("about 68.5 million people in 2025", S),
        ("sixty-eight point five", N),
        ("sixty-eight million", S),
        ("68.5", N),
        ("68.5 billion", N),
        ("65 million", N),
        ("65 million or 68.5 million", N),
        ("In 2025, France had 68.5 million people.", S),
        ("33.6 million + 34.9 million = 68.5 million", S),
        ("1, 2, 3, 4, 68.5 million", N),
        ("68.5 million km", P),
        ("France", N),
    ],
)
def test_numbers_within_the_tolerance_count_in_any_writing(answer: str, label: str) -> None:
    assert labels(POPULATION, answer) == (label,)


@pytest.mark.parametrize(
    ("nugget", "answer", "label"),
    [
        (Nugget("4,810 m", number=4810, unit="m", tolerance=1), "4.81 km", S),
        (Nugget("4,810 m", number=4810, unit="m", tolerance=1), "4,810 metres", S),
        (Nugget("4,810 m", number=4810, unit="m", tolerance=1), "4810 feet", N),
        (Nugget("0.2%", number=0.2, unit="%", tolerance=0.05), "0.2 percent", S),
        (Nugget("0.2%", number=0.2, unit="%", tolerance=0.05), "0.2 km", P),
        (Nugget("-2 m", number=-2, unit="m"), "-2 m", S),
        (Nugget("-2 m", number=-2, unit="m"), "2 m", N),
        (Nugget("$1.29 trillion", number=1.29e12, unit="$", tolerance=1e10), "US$ 1,290 billion", S),
        (Nugget("9", number=9), "9", S),
        (Nugget("9", number=9), "nine", S),
        (Nugget("9", number=9), "9.5", N),
        (Nugget("1960", number=1960, unit="year"), "It became independent in 1960.", S),
        (Nugget("1960", number=1960, unit="year"), "in 1962", N),
    ],
)
def test_units_are_converted_and_kinds_of_units_kept_apart(nugget: Nugget, answer: str, label: str) -> None:
    assert labels(ask("How much is it?", nugget, kind="numeric"), answer) == (label,)


NEIGHBOURS = ask(
    "Which countries border Bangladesh and what else?", "India", "Burma", "Nepal", kind="exhaustive"
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("India, Burma and Nepal", (S, S, S)),
        ("1. Nepal\n2. India\n3. Burma", (S, S, S)),
        ("- India\n- Burma", (S, S, N)),
        ("India, but not Burma", (S, N, N)),
        ("India, Burma, China, Bhutan", (S, S, N)),
        ("India, Burma, China, Bhutan, Pakistan, Sri Lanka", (N, N, N)),
        ("India. India is not what I mean. It is not India.", (P, N, N)),
        ("", (N, N, N)),
    ],
)
def test_lists_score_by_what_they_hold_unless_they_hold_too_much(
    answer: str, expected: tuple[str, ...]
) -> None:
    assert labels(NEIGHBOURS, answer) == expected


def test_the_score_is_the_share_of_full_support() -> None:
    assert ExactJudge().judge(NEIGHBOURS, "India and Burma").score == pytest.approx(2 / 3)
    assert ExactJudge().judge(NIGER, "Niger or Mali").score == 0


def test_mixed_nuggets_are_judged_each_in_its_way() -> None:
    question = ask(
        "Which is longer, the coast of Chad or Peru, and by how much?",
        "Peru",
        Nugget("2,414 km", number=2414, unit="km", tolerance=12),
        kind="numeric",
    )
    assert labels(question, "Peru, by 2,414 km") == (S, S)
    assert labels(question, "Peru, by 3,000 km") == (S, N)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_a_label_for_each_nugget(text: str) -> None:
    for question in (NIGER, POPULATION, NEIGHBOURS):
        assert len(labels(question, text)) == len(question.nuggets)


@settings(deadline=None)
@given(st.permutations(["Mali", "Togo", "Ghana", "Porto Novo", "Niger", "Senegal", "Peru"]))
def test_a_list_of_many_names_never_answers_a_question_for_one(names: list[str]) -> None:
    for joint in (", ", "; ", " and "):
        assert labels(NIGER, joint.join(names)) == (N,)
    for joint in ("\n", " "):
        # Without a list around it, the first name stands for itself.
        assert labels(NIGER, joint.join(names)) == (N,) or names[0] == "Niger"


@settings(deadline=None)
@given(st.sampled_from(["Niger", "Nigeria", "Mali", "Chad"]))
def test_judging_is_deterministic_and_blind_to_marks(name: str) -> None:
    assert labels(NIGER, name) == labels(NIGER, f"  **{name}** [{name.lower()}]. ")


def test_the_judge_is_what_rewards_and_evaluation_expect() -> None:
    judge = ExactJudge()
    assert isinstance(judge, Judge)
    verdict = judge.judge(NIGER, "Niger")
    assert isinstance(verdict, Verdict)
    assert [judgement.score for judgement in judge.judge_many([NIGER, NIGER], ["Niger", "Mali"])] == [
        1.0,
        0.0,
    ]
