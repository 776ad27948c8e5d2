"""A worker of its own that tells what is due until it is done, for a test that kills it on the way. Arguments: addresses of Mongo and Redis, database, id."""

import asyncio
import sys
from contextlib import suppress

from kit.mongo import PyMongoError
from miniapp_api import broadcasting
from notify import broadcasts
from tests.notify.crowd import at_work


async def main(mongo_url: str, redis_url: str, database: str, own: str) -> None:
    async with at_work(mongo_url, redis_url, database) as deps:
        while (await broadcasts.found(deps.broadcasts, own))["state"] != "done":
            with suppress(PyMongoError, TimeoutError):  # as kit.repeat does: what a killed one left open may hold the row for 5 s
                await broadcasting.run_due(deps)


asyncio.run(main(*sys.argv[1:5]))
