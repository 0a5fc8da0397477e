"""Training: collecting groups of rollouts, filtering them, and learning from them off-policy."""
