"""Spark as a place where work runs: the only package that names pyspark, classic and Connect alike.

The executors need this package installed, and for gangs xgboost as well.
"""

from fireside.compute.spark.dataset import SparkDataset, to_frame
from fireside.compute.spark.session import local_session

__all__ = ["SparkDataset", "local_session", "to_frame"]
