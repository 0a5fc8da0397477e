"""Clustering, as `pyspark.ml.clustering` has it; one algorithm a file."""

from fireside.ml.clustering.kmeans import KMeans, KMeansModel, KMeansSummary

__all__ = ["KMeans", "KMeansModel", "KMeansSummary"]
