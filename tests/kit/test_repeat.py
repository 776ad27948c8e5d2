"""A job that comes again and again outlives whatever goes wrong in it."""

import asyncio
import logging

import pytest

from kit.errors import NotReached
from kit.repeat import every


async def test_a_job_that_fails_comes_again_and_a_defect_is_told_from_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    rounds = iter([NotReached("core", "down"), TimeoutError(), ValueError("a defect"), asyncio.CancelledError()])

    async def job() -> None:
        raise next(rounds)

    with pytest.raises(asyncio.CancelledError):
        await every(0, job, "feed not read")
    warning, error = logging.WARNING, logging.ERROR
    assert [(one.message, one.levelno) for one in caplog.records] == [("feed not read", warning), ("feed not read", warning), ("job failed", error)]
