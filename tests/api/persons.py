"""Verbs of people for API tests: confirming, linking, acting for others, a kiosk."""

import hashlib
import hmac
import time
from typing import Any

from kit.ids import new_nonce
from miniapp_api.settings import Settings
from tests.api.house import Answer, House, Resident

Json = Any


async def confirm(resident: Resident) -> None:
    """The person says yes to whatever the core asks them."""
    await resident.house.world("POST", f"/world/people/{resident.person['person']}/approve-real-name", {})


async def step_up(resident: Resident) -> Answer:
    started = await resident.api("POST", "/v1/me/step-up", {})
    assert started.status == 202, started.body
    await confirm(resident)
    done = await resident.api("POST", f"/v1/me/step-up/{started.json['challenge']}", {})
    assert (done.status, done.json["state"]) == (200, "confirmed"), done.body
    return done


async def on_alipay(resident: Resident) -> Resident:
    """The same person's other phone screen; not bound."""
    there = Resident(resident.house, resident.person, "alipay")
    await there.log_in()
    return there


async def link(shown_on: Resident, entered_on: Resident) -> Answer:
    code = (await shown_on.api("POST", "/v1/me/links", {})).json["code"]
    started = await entered_on.api("POST", "/v1/me/links/redeem", {"code": code})
    assert started.status == 202, started.body
    await confirm(shown_on)
    return await entered_on.api("POST", f"/v1/me/links/redeem/{started.json['challenge']}", {})


async def grant(giver: Resident, agent: Resident, **more: Json) -> str:
    """Accepted; its id."""
    await step_up(giver)
    wish = {"name": agent.person["name"], "id_number": agent.person["id_number"], "purposes": "all", "until": "2099-01-01", **more}
    given = await giver.api("POST", "/v1/me/grants", wish)
    assert given.status == 201, given.body
    assert (await agent.api("POST", f"/v1/me/grants/{given.json['id']}/accept", {})).status == 200
    return str(given.json["id"])


def settings_of(house: House) -> Settings:
    """To open the stack's own stores, as the command line does."""
    env = house.stack.env
    keys = {"field_keys": env["ZHANGBAN_FIELD_KEYS"], "index_key": env["ZHANGBAN_INDEX_KEY"]}
    return Settings(mongo_url=env["MONGO_URL"], mongo_database=env.get("ZHANGBAN_MONGO_DATABASE", "zhangban"), **keys)  # type: ignore[arg-type]


def kiosk_says(device: str, key: bytes, *said: str) -> dict[str, str]:
    """What the device sends along: written from the contract, not with our code."""
    timestamp, nonce = str(int(time.time())), new_nonce()
    message = "\n".join((timestamp, nonce, device, *said))
    return {"device": device, "timestamp": timestamp, "nonce": nonce, "signature": hmac.new(key, message.encode(), hashlib.sha256).hexdigest()}
