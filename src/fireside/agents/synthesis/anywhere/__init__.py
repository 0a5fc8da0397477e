"""Questions from any documents: their named values, the names they mention, and what they define."""

from fireside.agents.synthesis.anywhere.questions import document_questions

__all__ = ["document_questions"]
