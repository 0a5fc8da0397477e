"""MixAttention transformers: layer maps, training, conversion of checkpoints, and an inference engine.

`LayerMap` and `ModelConfig` decide a model's shape, `Transformer` is the model, and `Engine` runs
it. Importing this package loads no torch; its modules are imported by name.
"""

from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap

__all__ = ["LayerMap", "ModelConfig"]
