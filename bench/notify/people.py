"""Residents who can be told something, put where logging in, binding, consenting and applying would leave them; and the core's events about their cases.

Every document is made by our own stores (tests/bench/test_notify_bench.py holds that they are the same), only written many at once.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson

from bench.notify.kept import Kept
from bench.pay.notices import posted
from cases.store import Cases, Sending
from core.types import Case
from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import Mongo
from notify.consent_store import Consents
from residents.store import Residents
from sandbox.core_gate import signature

PATH = "/callbacks/core"
SENDS = 1_000_000  # left of each consent: they are not what runs out here
KIND = "case_moved"
ITEM = ("11990100BENCH00001", 1, "居民身份证补领", None)


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person with one WeChat account, one consent and one case that the core has taken (version 1)."""

    person_id: str
    resident_id: str
    openid: str
    request_id: str
    case_no: str


async def settle(mongo: Mongo, keys: Keyring, count: int) -> list[Somebody]:
    """`count` of them, in the database."""
    kept = Kept()
    made = [await _one(kept, keys, n) for n in range(count)]
    await kept.write(mongo)
    return made


async def _one(kept: Kept, keys: Keyring, n: int) -> Somebody:
    place = cast("Mongo", kept)
    residents, cases, consents = Residents(place, keys), Cases(place, keys), Consents(place)
    own = Somebody(new_id("p"), new_id("r"), f"o{secrets.token_hex(13)}B", new_id("case"), f"{ITEM[0]}{now():%Y%m%d}{secrets.token_hex(5)}{n:06d}")
    tx = cast("Any", None)
    await kept["residents"].insert_one({"_id": own.resident_id, "person_id": own.person_id, "created_at": now(), "bound_at": now()})
    await residents.add_identity(tx, "wechat", own.openid, own.resident_id, union=None, alias=False)
    await consents.rewrite(tx, (own.resident_id, "wechat", KIND), lambda one: replace(one, remaining=SENDS, last_result="accept", at=now()))
    about = (f"person:{own.person_id}", own.person_id, own.resident_id, "wechat", ITEM)
    await cases.record_sending(tx, Sending(own.request_id, new_id("d"), *about, {}, []))
    await cases.record_filed(tx, _filed(own))
    return own


def _filed(own: Somebody) -> Case:
    at = now() - timedelta(minutes=5)
    first = {"version": 1, "state": "submitted", "at": at, "text": "", "findings": []}
    code, version, name, _ = ITEM
    about = {"item_code": code, "item_version": version, "item_name": name, "state": "submitted", "version": 1, "submitted_at": at}
    return Case.model_validate({"case_no": own.case_no, "request_id": own.request_id, **about, "timeline": [first]})


@dataclass(frozen=True, slots=True)
class Teller:
    """The core's own signature over the core's own words. `secret`, `algorithm`: of its webhooks; `base`: the API."""

    base: str
    secret: str
    algorithm: str

    @classmethod
    def of(cls, base: str, sandbox: Path) -> "Teller":
        """`sandbox`: the world's folder with accounts.json."""
        core = json.loads((sandbox / "accounts.json").read_text())["core"]
        return cls(base, core["webhook_secret"], core["algorithm"])

    def request(self, event: Mapping[str, Any]) -> bytes:
        """The whole HTTP request, signed now; good for five minutes."""
        body = orjson.dumps(event)
        return posted(self.base, PATH, body, self.headers(body))

    def headers(self, body: bytes) -> dict[str, str]:
        """As sandbox/core_events.py signs each delivery."""
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        signed = signature(self.secret, self.algorithm, f"{timestamp}\n{nonce}\n".encode() + body)
        return {"Content-Type": "application/json", "X-Core-Timestamp": timestamp, "X-Core-Nonce": nonce, "X-Core-Signature": signed}


def event(one: Somebody, version: int, seq: int) -> dict[str, Any]:
    """The case's move to `version` (2, 3, …), as sandbox/core_cases.py tells it: accepted, special procedure, accepted again, for ever."""
    at, state = now().isoformat(timespec="milliseconds"), "special_procedure" if version % 2 else "accepted"
    move: dict[str, Any] = {"version": version, "state": state, "at": at, "text": "", "findings": []}
    if state == "accepted":
        move |= {"receipt": {"receipt_no": f"{one.case_no}-SL", "received_at": at}}
    return {"event_id": secrets.token_hex(16), "seq": seq, "type": "case.moved", "case_no": one.case_no, "request_id": one.request_id, "move": move}


def events(people: Sequence[Somebody], version: int) -> list[dict[str, Any]]:
    return [event(one, version, seq) for seq, one in enumerate(people, 1)]
