"""Things that tests of several wings share: Spark sessions and a browser.

A test that needs something which this machine lacks is skipped, and says what is missing. Where the variable
`FIRESIDE_REQUIRE_SPARK` (or `FIRESIDE_REQUIRE_BROWSER`) is 1, as in continuous integration, it fails instead.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No test asserts times, and other work may go on.
settings.register_profile("fireside", deadline=None)
settings.load_profile("fireside")

REPOSITORY = Path(__file__).resolve().parents[1]

# Tests are short, so compiling less is faster; and a function that fails should fail once.
SPARK_SETTINGS = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
    "spark.task.maxFailures": "1",
}


def need(present: bool, what: str, variable: str) -> None:
    """Skip the test where something is missing, or fail it where `variable` says that it must be there."""
    if present:
        return
    if os.environ.get(variable) == "1":
        pytest.fail(f"{what}, and {variable}=1 does not allow to skip", pytrace=False)
    pytest.skip(what)


def need_spark() -> None:
    need(
        shutil.which("java") is not None or "JAVA_HOME" in os.environ,
        "Java is missing: install a JRE 17 or newer to run the Spark tests",
        "FIRESIDE_REQUIRE_SPARK",
    )
    try:
        import pyspark  # noqa: F401
    except ImportError:
        need(False, "pyspark is missing: pip install 'fireside[spark]'", "FIRESIDE_REQUIRE_SPARK")


def spark_home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A classic session on a real cluster of two executors, each a process of its own, with one core."""
    need_spark()
    from fireside.compute.spark import local_session

    session = local_session("local-cluster[2,1,1024]", settings=SPARK_SETTINGS)
    logs = spark_home() / "work" / session.sparkContext.applicationId
    yield session
    session.stop()
    shutil.rmtree(logs, ignore_errors=True)


@pytest.fixture(scope="session")
def spark_connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Spark Connect session with a server of its own, in another process, with two slots."""
    need_spark()
    from pyspark.sql.connect.session import SparkSession

    from fireside.compute.spark.session import local_settings

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        **local_settings(),
        **SPARK_SETTINGS,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    home = spark_home()
    command = [str(home / "bin" / "spark-submit"), "--master", "local[2]"]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(REPOSITORY / "src"),
    }
    folder = tmp_path_factory.mktemp("spark-connect")
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for_port(port, server, folder / "server.log")
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
        yield session
        session.stop()
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path, seconds: float = 180.0) -> None:
    """Return when something answers at a port of this machine; fail where its process has ended."""
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the Spark Connect server did not start:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    paths = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    path = next((path for path in paths if path), None)
    need(
        path is not None,
        "Chromium is missing: install Debian's package chromium to run the browser tests",
        "FIRESIDE_REQUIRE_BROWSER",
    )
    from playwright.sync_api import sync_playwright

    quiet = [
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*quiet, "--no-sandbox"])
        yield chromium
        chromium.close()
