"""A Spark session on this machine alone, for tests, trials and benchmarks."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fireside
from fireside.core.extras import require

__all__ = ["local_session", "local_settings"]


def local_session(
    master: str = "local-cluster[2,1,1024]",
    *,
    settings: Mapping[str, str] | None = None,
    python_path: Sequence[str | Path] = (),
) -> Any:
    """Start Spark on this machine, on loopback, with this Python on its executors.

    Args:
        master: `"local[2]"` runs tasks as threads of one JVM; `"local-cluster[2,1,1024]"` runs two executors
            of one core and 1,024 MiB each as processes of their own, as on a cluster.
        settings: more of Spark's own settings, which win over the ones made here.
        python_path: folders that the executors can import from, besides this package's.

    Returns:
        A `pyspark.sql.SparkSession`; the caller stops it. One that is already running is returned as it is.

    Raises:
        MissingExtraError: pyspark is not installed.
    """
    builder = require("pyspark.sql", extra="spark").SparkSession.builder.master(master)
    for key, value in {**local_settings(python_path), **(settings or {})}.items():
        builder = builder.config(key, value)
    # The JVM is started with this environment, and hands it to its executors.
    with environment({"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}):
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def local_settings(python_path: Sequence[str | Path] = ()) -> dict[str, str]:
    """Spark's settings for one machine: loopback, no web page, all executors there before work begins."""
    source = Path(fireside.__file__).resolve().parents[1]
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join([str(source), *map(str, python_path)]),
        "spark.pyspark.python": sys.executable,
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(Path(tempfile.gettempdir()) / "fireside-spark-warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the length of a block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
