"""Plugins of a rollout: what may refuse an action, end the rollout, or rewrite its history."""
