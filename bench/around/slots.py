"""One place of a slot taken by fifty residents at once, again and again, through the API's two processes, while the core loses replies.

What counts is in the core's own ledger and in our store: one appointment in each, and the same.
"""

import asyncio
import shutil
import sys
import tempfile
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from bench.figures import progress, report
from kit.clock import BEIJING, now
from kit.embedded import free_port
from kit.mongo import Mongo, connect
from miniapp_api.child import Child
from miniapp_api.stack import Stack

AT_ONCE, SLOTS, AIM = 50, 12, 1
Json = Any
# How the core is while they come, in turn.
DAYS: tuple[dict[str, Any], ...] = ({"lose_replies": True}, {"error_rate": 0.3, "latency_ms": 100}, {"lose_replies": True, "latency_ms": 50}, {})


async def run(stack: Stack, apis: Sequence[str]) -> None:
    """`apis`: addresses of the API's processes, taken in turn."""
    mongo = connect(stack.env["MONGO_URL"], stack.env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"))
    async with aiohttp.ClientSession() as http:
        code = (await _json(http, "GET", f"{apis[0]}/v1/items?limit=1"))["items"][0]["code"]
        people = [await _resident(http, stack, apis[0]) for _ in range(AT_ONCE)]
        progress(f"  {AT_ONCE} residents signed in")
        counts = list[tuple[int, int]]()
        for n in range(SLOTS):
            slot = await _slot(http, stack, code, n)
            await _shown(http, apis[0], slot)
            await _faults(http, stack, DAYS[n % len(DAYS)])
            answers = await asyncio.gather(*(_take(http, apis[k % len(apis)], token, slot) for k, token in enumerate(people)))
            await _faults(http, stack, {})
            counts.append(await _counted(http, stack, mongo, slot["slot_id"]))
            told = "、".join(f"{answers.count(one)} × {one}" for one in sorted(set(answers)))
            progress(f"  {n + 1}/{SLOTS}: {told}")
            await _give_back(http, apis[0], people)
    await mongo.close()
    worst = max((one for pair in counts for one in pair), key=lambda count: abs(count - 1))
    told_of = (
        f"booked appointments of one slot with one place, in the core's ledger and in our store, the worst of {SLOTS} slots; replies lost, errors"
    )
    report("slot_50_takers_booked", worst, "appointments", "lower", AIM, told_of, SLOTS * AT_ONCE)


async def _shown(http: aiohttp.ClientSession, api: str, slot: Json) -> None:
    """As residents come: they have seen it. A list is a few seconds old at most."""
    day = slot["starts_at"][:10]
    for _ in range(300):
        days = (await _json(http, "GET", f"{api}/v1/items/{slot['item_code']}/slots?from={day}&to={day}"))["days"]
        if any(one["id"] == slot["slot_id"] for each in days for one in each["slots"]):
            return
        await asyncio.sleep(0.1)
    raise SystemExit("slots: a new slot is never shown")


async def _counted(http: aiohttp.ClientSession, stack: Stack, mongo: Mongo, slot_id: str) -> tuple[int, int]:
    """(at the core, in our store) once nothing is asked any more. Raises SystemExit where the two do not name the same."""
    for _ in range(1200):
        if not await mongo["appointments"].count_documents({"slot_id": slot_id, "state": "asking"}):
            break
        await asyncio.sleep(0.05)
    else:
        raise SystemExit("slots: an appointment is never confirmed")
    ledger = (await _json(http, "GET", f"{stack.sandbox}/world/ledger/core"))["entries"]
    there = [one["appointment_id"] for one in ledger if one["kind"] == "appointment.booked" and one["slot_id"] == slot_id]
    here = [row["_id"] async for row in mongo["appointments"].find({"slot_id": slot_id, "state": "booked"})]
    if sorted(there) != sorted(here):
        raise SystemExit(f"slots: {len(there)} at the core, {len(here)} here, not the same")
    return len(there), len(here)


async def _resident(http: aiohttp.ClientSession, stack: Stack, api: str) -> str:
    """The token of somebody with a real name."""
    person = await _json(http, "POST", f"{stack.sandbox}/world/people", {})
    code = (await _json(http, "POST", f"{stack.sandbox}/world/wechat/codes", {"person": person["person"], "kind": "login"}))["code"]
    token = str((await _json(http, "POST", f"{api}/v1/login/wechat", {"code": code}))["token"])
    who = {"name": person["name"], "id_number": person["id_number"]}
    challenge = (await _json(http, "POST", f"{api}/v1/me/real-name", who, token))["challenge"]
    await _json(http, "POST", f"{stack.sandbox}/world/people/{person['person']}/approve-real-name", {})
    await _json(http, "POST", f"{api}/v1/me/real-name/{challenge}", {}, token)
    return token


async def _slot(http: aiohttp.ClientSession, stack: Stack, code: str, n: int) -> Json:
    begins: datetime = now().astimezone(BEIJING).replace(minute=0, second=0, microsecond=0) + timedelta(days=3, hours=n)
    return await _json(http, "POST", f"{stack.sandbox}/world/core/slots", {"item_code": code, "starts_at": begins.isoformat(), "capacity": 1})


async def _take(http: aiohttp.ClientSession, api: str, token: str, slot: Json) -> int:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
    wish = {"slot_id": slot["slot_id"], "item_code": slot["item_code"]}
    async with http.post(f"{api}/v1/appointments", json=wish, headers=headers) as answer:
        await answer.read()
        return answer.status


async def _give_back(http: aiohttp.ClientSession, api: str, people: Sequence[str]) -> None:
    """Whoever won may try again."""
    for token in people:
        for one in (await _json(http, "GET", f"{api}/v1/appointments?limit=1", None, token))["items"]:
            if one["can_cancel"]:
                await _json(http, "DELETE", f"{api}/v1/appointments/{one['id']}", None, token)


async def _faults(http: aiohttp.ClientSession, stack: Stack, switches: dict[str, Any]) -> None:
    await _json(http, "PUT", f"{stack.sandbox}/world/faults", {"core": switches})


async def _json(http: aiohttp.ClientSession, method: str, url: str, body: Json = None, token: str = "") -> Json:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.request(method, url, json=body, headers=headers) as answer:
        if answer.status >= 300:
            raise SystemExit(f"slots: {method} {url.partition('?')[0]} answers {answer.status}")
        return await answer.json()


def measure(items: Path | None) -> None:
    """A stack of its own with a second process of the API."""
    folder = Path(tempfile.mkdtemp(prefix="zhangban-bench-"))
    stack, second = Stack(folder / "data", items=items), None
    try:
        stack.start(progress)
        second, url = another_api(stack, folder)
        second.start()
        asyncio.run(_when_ready(stack, url))
    finally:
        if second is not None:
            second.stop()
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def another_api(stack: Stack, folder: Path) -> tuple[Child, str]:
    """As an operator runs them behind one balancer."""
    port = free_port()
    env = {**stack.env, "ZHANGBAN_PORT": str(port)}
    return Child("api-2", [sys.executable, "-m", "miniapp_api.cli", "api"], env, folder / "api-2.log"), f"http://127.0.0.1:{port}"


async def _when_ready(stack: Stack, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            try:
                async with http.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
        else:
            raise SystemExit("slots: the second process of the API does not start")
    await run(stack, (stack.api, url))
