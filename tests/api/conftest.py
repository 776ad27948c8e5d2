"""One whole stack for the API tests; each test brings its own people."""

import shutil
from collections.abc import Iterator

import pytest

from content.package_file import BUILT_IN
from miniapp_api.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, mongo_url: str, redis_url: str) -> Iterator[Stack]:
    """On the session's stores, in a database of its own."""
    packages = shutil.copy(BUILT_IN, tmp_path_factory.mktemp("packages"))
    stores = {"MONGO_URL": mongo_url, "REDIS_URL": redis_url, "ZHANGBAN_MONGO_DATABASE": "api_tests"}
    own = Stack(tmp_path_factory.mktemp("stack"), extra={**stores, "ZHANGBAN_PACKAGES": str(packages)})
    own.start()
    yield own
    own.stop()
