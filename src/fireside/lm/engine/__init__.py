"""The inference engine: continuous batching over a K/V cache that follows the layer map.

One step is one sentence: the `scheduler` chooses tokens, the `model_runner` runs them, the `sampler` draws,
the `engine` hands out what has finished. Modules are imported by name; `engine.engine.Engine` is the way in.
"""
