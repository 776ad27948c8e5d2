"""What tests do that kill a process at a named point of paying: bring it there, let time go by, look at all the books."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from kit.mongo import Mongo
from payments.booking import QUIET
from tests.api.house import Json, until
from tests.api.purse import Payer

TIMES = 8


async def killed(points: Path, name: str, act: Callable[[], Awaitable[Any]]) -> None:
    """`act` brings a process to the point, where it dies."""
    (points / name).touch()
    with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
        await act()

    async def dead() -> bool:
        return not (points / name).exists()

    await until(dead, 30)


async def steady(act: Callable[[], Awaitable[Json]]) -> Json:
    """As a resident does it: again, until it works."""

    async def done() -> Json:
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError, KeyError):
            return await act()
        return None

    return await until(done, 60)


async def time_goes_by(database: Mongo) -> None:
    """A dead worker's lease ends, and the core has been quiet for long enough: what would take a minute."""
    back = -int((QUIET + 5) * 1000)
    earlier = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": back}}
    for name, field in (("orders", "settle_tried_at"), ("refunds", "reverse_tried_at")):
        await database[name].update_many({field: {"$type": "date"}}, [{"$set": {field: earlier}}])
    await database["outbox"].update_many({"state": "waiting", "kind": {"$regex": "^pay[.]"}}, [{"$set": {"due_at": "$$NOW", "held": False}}])


async def ended(payer: Payer, database: Mongo, order_no: str, state: str) -> None:
    async def there() -> bool:
        await time_goes_by(database)
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return bool((await payer.look(order_no))["state"] == state)
        return False

    await until(there, 60)


async def placed(payer: Payer) -> str:
    """As a resident does it: again, until it works."""

    async def ordered() -> str | None:
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return await payer.placed()
        return None

    return str(await until(ordered, 60))


async def once(payer: Payer, order_no: str, *, refunded: int = 0) -> None:
    """All the books: paid once, booked once, told once, and given back exactly so much."""
    assert len(await payer.at_gateway(order_no, "pay.paid")) == 1
    assert len(await payer.at_core(order_no)) == 1
    given_back = [one["amount_fen"] for one in await payer.at_gateway(order_no, "pay.refunded")]
    taken_back = [one["amount_fen"] for one in await payer.at_core(order_no, "reversed")]
    assert given_back == taken_back == ([refunded] if refunded else [])

    async def told() -> bool:
        return len(await payer.told(order_no)) == (2 if refunded else 1)

    await until(told)
