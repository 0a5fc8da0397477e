"""Questions whose answers are exact by construction, made from documents without a model.

`factbook_questions` reasons over the profiles of the World Factbook; `document_questions` takes any
documents. Both split by document: none that supports a training question supports a held-out one.
"""

from fireside.agents.synthesis.anywhere import document_questions
from fireside.agents.synthesis.factbook import factbook_questions
from fireside.agents.synthesis.selection import SynthesisConfig

__all__ = ["SynthesisConfig", "document_questions", "factbook_questions"]
