"""How good a language model is: losses on held-out text, benchmarks by category, RULER."""
