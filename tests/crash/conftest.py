"""A stack of its own, stores included, because its parts are killed."""

from collections.abc import Iterator

import pytest

from miniapp_api.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    own = Stack(tmp_path_factory.mktemp("crash"), extra={"ZHANGBAN_FEED_SECONDS": "1"})
    own.start()
    yield own
    own.stop()
