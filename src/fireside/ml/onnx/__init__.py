"""Fitted pipelines as ONNX graphs, for the stages that ONNX can express."""

from fireside.ml.onnx.export import EXPORTERS, export

__all__ = ["EXPORTERS", "export"]
