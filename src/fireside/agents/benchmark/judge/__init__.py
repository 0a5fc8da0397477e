"""Judges: which nuggets of a question an answer supports.

`ExactJudge` is deterministic and needs no model; `ModelJudge` asks one, for answers that are prose.
"""

from fireside.agents.benchmark.judge.exact import ExactJudge
from fireside.agents.benchmark.judge.judgement import Judgement, Label
from fireside.agents.benchmark.judge.model import ModelJudge

__all__ = ["ExactJudge", "Judgement", "Label", "ModelJudge"]
