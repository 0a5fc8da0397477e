"""The benchmark: questions of several regimes, judged and compared."""
