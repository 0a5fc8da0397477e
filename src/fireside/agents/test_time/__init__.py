"""Test-time compute: more rollouts for a better answer."""
