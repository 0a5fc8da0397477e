"""Questions from the World Factbook: lookups, conditions that single out one place, lists, arithmetic."""

from fireside.agents.synthesis.factbook.profile import Profile, read_profile
from fireside.agents.synthesis.factbook.questions import factbook_questions

__all__ = ["Profile", "factbook_questions", "read_profile"]
