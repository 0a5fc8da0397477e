"""RULER (Hsieh et al., 2024, arXiv 2404.06654): thirteen synthetic tasks at any length in tokens.

Tasks, wordings of prompts, sizes and scores are those of the paper (tables 2 and 6 to 9) and of its authors'
configuration of thirteen tasks. What differs is said where it differs: `haystack` (the text), `words` (the
vocabulary), `common_words` (lengths below 4,096) and `question_answering` (the questions).
"""

from fireside.lm.evaluate.ruler.prompting import Prompting, chat_prompting, endpoint_prompting, text_prompting
from fireside.lm.evaluate.ruler.questions import (
    DocumentQuestion,
    QuestionSet,
    read_hotpotqa,
    read_squad,
)
from fireside.lm.evaluate.ruler.run import RulerResult, run_ruler
from fireside.lm.evaluate.ruler.sample import RulerTexts
from fireside.lm.evaluate.ruler.tasks import RULER_TASKS, RulerTask, ruler_prompts

__all__ = [
    "RULER_TASKS",
    "DocumentQuestion",
    "Prompting",
    "QuestionSet",
    "RulerResult",
    "RulerTask",
    "RulerTexts",
    "chat_prompting",
    "endpoint_prompting",
    "read_hotpotqa",
    "read_squad",
    "ruler_prompts",
    "run_ruler",
    "text_prompting",
]
