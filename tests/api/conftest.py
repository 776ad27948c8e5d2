"""One whole stack for the API tests; each test brings its own people."""

from collections.abc import Iterator

import pytest

from miniapp_api.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, mongo_url: str, redis_url: str) -> Iterator[Stack]:
    """On the session's stores, in a database of its own."""
    own = Stack(tmp_path_factory.mktemp("stack"), extra={"MONGO_URL": mongo_url, "REDIS_URL": redis_url, "ZHANGBAN_MONGO_DATABASE": "api_tests"})
    own.start()
    yield own
    own.stop()
