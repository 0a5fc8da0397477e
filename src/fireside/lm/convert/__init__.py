"""Checkpoints of other projects: GGUF files and Hugging Face directories.

Modules are imported by name: `convert.gguf`, `convert.hugging_face`.
"""
