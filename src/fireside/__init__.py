"""Fireside: from an organisation's own documents and tables to a trained, served and measured agent.

The wings are imported by name, never from here, so that `import fireside` costs nothing:

- `fireside.ml`: pipelines and learners with Spark MLlib's interface, without a JVM
- `fireside.mixing`: staged data mixtures with domain upsampling
- `fireside.lm`: MixAttention transformers, their training and their engine
- `fireside.agents`: knowledge agents and their off-policy training

`fireside.recipes` wires them into whole paths; `fireside.core` and `fireside.compute` lie under all four.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("fireside")
