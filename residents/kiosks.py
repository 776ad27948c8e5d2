"""Signing in at a kiosk: the device vouches for itself by signature, the person by the core's challenge. Ten minutes, and nothing that lasts."""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime

from core.client import Core
from kit.errors import NotFound, Unauthorized
from kit.ids import new_id
from kit.mongo import Tx
from residents import challenges, consents
from residents.binding import Joining
from residents.challenges import Asked, Started, tidy
from residents.changes import Change
from residents.consents import Given
from residents.kiosk_store import Kiosk
from residents.login import ChannelAccount, sign_in
from residents.policies import current
from residents.sessions import open_session
from residents.store import Residents

SKEW = 300  # seconds
_NO_KEY = bytes(32)  # for a device nobody knows: as much work as for one that is known


@dataclass(frozen=True, slots=True)
class Signed:
    """HMAC-SHA256 over timestamp, nonce, device and what is said, joined by line feeds; hexadecimal."""

    device: str
    timestamp: str
    nonce: str
    signature: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    token: str
    expires_at: datetime
    resident_id: str


async def add(store: Residents, hall: str) -> tuple[str, bytes]:
    """(device, key). The key leaves this process once."""
    own, key = new_id("k"), secrets.token_bytes(32)
    await store.kiosks.add(own, hall, key)
    return own, key


async def start(store: Residents, core: Core, signed: Signed, who: tuple[str, str], consent: tuple[Given | None, bool]) -> Started:
    """`who`: name and ID number; `consent`: the one given, and whether it is asked for. Raises Unauthorized, Invalid, TooMany, Forbidden, Unavailable."""
    kiosk = await verify(store, signed, who)
    given, asked = consent
    consents.check_shown("sensitive", given, asked=asked)
    name, id_number = tidy(*who)
    about = {"hall": kiosk.hall, "consent": given is not None}
    return await challenges.start(store, core, Asked("kiosk", f"kiosk:{kiosk.id}", "kiosk", name, id_number, about))


async def finish(joining: Joining, core: Core, signed: Signed, challenge_id: str) -> SignedIn | None:
    """None while the person has not answered yet. A challenge opens one session, handed out once. Raises Unauthorized, NotFound, Forbidden, Unavailable."""
    store = joining.store
    kiosk = await verify(store, signed, (challenge_id,))
    pending = await challenges.find(store, "kiosk", challenge_id, f"kiosk:{kiosk.id}")
    if pending.state == "used":
        raise NotFound("challenge_unknown", "这次认证已失效，请重新发起")
    person_id = await challenges.answer(core, pending)
    if person_id is None:
        return None
    resident_id = await sign_in(store, joining.told, ChannelAccount("kiosk", (person_id,)))

    async def all_of_it(tx: Tx) -> tuple[str, datetime]:
        if not await store.challenges.use(tx, pending.id):
            raise NotFound("challenge_unknown", "这次认证已失效，请重新发起")
        await store.confirm_person(tx, person_id, pending.name, pending.id_number)
        await store.attach(tx, resident_id, person_id)
        if pending.about["consent"]:
            await store.consents.add((person_id, resident_id, "kiosk"), current("sensitive"), None, tx)
        await joining.told(tx, Change(pending.id, "kiosk_login", person_id, resident_id, kiosk.hall))
        return await open_session(store, resident_id, "kiosk", tx)

    token, expires_at = await store.mongo.transaction(all_of_it)
    return SignedIn(token, expires_at, resident_id)


async def verify(store: Residents, signed: Signed, said: tuple[str, ...]) -> Kiosk:
    """Raises Unauthorized, with one answer for every reason."""
    found = await store.kiosks.kiosk(signed.device)
    key = found[1] if found is not None else _NO_KEY
    right = hmac.compare_digest(sign(key, signed, said), signed.signature.lower())
    fresh = signed.timestamp.isascii() and signed.timestamp.isdecimal() and abs(time.time() - int(signed.timestamp[:12])) <= SKEW
    if found is None or found[0].disabled or not right or not fresh or not await store.kiosks.first_use(signed.device, signed.nonce):
        raise Unauthorized("kiosk_refused", "这台终端暂不能使用，请到窗口办理")
    return found[0]


def sign(key: bytes, signed: Signed, said: tuple[str, ...]) -> str:
    """The device's signature over `said`: name and ID number, or the challenge."""
    message = "\n".join((signed.timestamp, signed.nonce, signed.device, *said))
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
