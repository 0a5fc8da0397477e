"""Which contracts take long: on Spark, those of a class with other params than in its first case."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = (
            item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        )
        # "OneHotEncoder labels" is OneHotEncoder once more, and on Spark each case is a job or two.
        if params.get("make_frame") == "spark" and " " in str(params.get("name", "")):
            item.add_marker(pytest.mark.slow)
