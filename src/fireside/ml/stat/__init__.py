"""Statistics of columns, as `pyspark.ml.stat` has them."""
