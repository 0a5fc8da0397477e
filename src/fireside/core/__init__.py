"""What every wing stands on: errors, configuration, protocols, seeds, checkpoints, metrics, progress.

Knows nothing about torch, pyspark, or any wing.
"""
