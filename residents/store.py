"""Every query of residents. Names, ID numbers, phones and openids are sealed; look-ups go through the blind index."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo, Tx

INDEXES = {
    "identities": [IndexModel([("resident_id", ASCENDING)])],
    "residents": [IndexModel([("person_id", ASCENDING)])],
    "persons": [IndexModel([("id_index", ASCENDING)], unique=True)],
    "sessions": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0), IndexModel([("resident_id", ASCENDING)])],
    "challenges": [IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0)],
}


@dataclass(frozen=True, slots=True)
class Resident:
    """One account. `person_id` is set once a real-name person stands behind it; phone is a contact, never an identity."""

    id: str
    person_id: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    id_number: str


@dataclass(frozen=True, slots=True)
class PendingChallenge:
    id: str
    resident_id: str
    core_challenge: str
    name: str
    id_number: str
    state: str
    expires_at: datetime


class Residents:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._mongo = mongo
        self._keys = keys

    async def sign_in(self, channel: str, account: str, union: str | None) -> str:
        """The resident of this channel account (openid, user_id), made on the first visit. Two first visits at once make one resident."""
        identity_id = f"{channel}:{self._keys.index(channel, account)}"
        change = {"$set": {"seen_at": now()}}
        found = cast("dict[str, Any] | None", await self._mongo["identities"].find_one_and_update({"_id": identity_id}, change))
        if found is not None:
            return str(found["resident_id"])
        resident_id = new_id("r")
        identity = {
            "_id": identity_id,
            "channel": channel,
            "account": self._keys.seal(account, f"identities/account/{identity_id}"),
            "union_index": self._keys.index("union", union) if union else None,
            "resident_id": resident_id,
            "created_at": now(),
            "seen_at": now(),
        }

        async def both(tx: Tx) -> None:
            await self._mongo["identities"].insert_one(identity, session=tx)
            await self._mongo["residents"].insert_one({"_id": resident_id, "person_id": None, "created_at": now()}, session=tx)

        try:
            await self._mongo.transaction(both)
        except DuplicateKeyError:
            found = await self._mongo["identities"].find_one({"_id": identity_id})
            if found is None:
                raise
            return str(found["resident_id"])
        return resident_id

    async def known(self, channel: str, account: str) -> str | None:
        """The resident of a channel account that has signed in before."""
        found = await self._mongo["identities"].find_one({"_id": f"{channel}:{self._keys.index(channel, account)}"}, {"resident_id": 1})
        return None if found is None else str(found["resident_id"])

    async def resident(self, resident_id: str) -> Resident | None:
        found = await self._mongo["residents"].find_one({"_id": resident_id})
        if found is None:
            return None
        phone = found.get("phone")
        return Resident(resident_id, found.get("person_id"), self._keys.open(phone, f"residents/phone/{resident_id}") if phone else None)

    async def set_phone(self, resident_id: str, phone: str) -> None:
        sealed = self._keys.seal(phone, f"residents/phone/{resident_id}")
        await self._mongo["residents"].update_one({"_id": resident_id}, {"$set": {"phone": sealed, "phone_at": now()}})

    async def person(self, person_id: str) -> Person | None:
        found = await self._mongo["persons"].find_one({"_id": person_id})
        if found is None:
            return None
        name = self._keys.open(found["name"], f"persons/name/{person_id}")
        return Person(person_id, name, self._keys.open(found["id_number"], f"persons/id_number/{person_id}"))

    async def accounts_of(self, person_id: str, channel: str) -> list[tuple[str, str]]:
        """(resident id, openid or user id) by which this person can be reached on a channel, the last seen first."""
        residents = [row["_id"] async for row in self._mongo["residents"].find({"person_id": person_id}, {"_id": 1})]
        found = self._mongo["identities"].find({"resident_id": {"$in": residents}, "channel": channel}).sort("seen_at", -1)
        return [(row["resident_id"], self._keys.open(row["account"], f"identities/account/{row['_id']}")) async for row in found]

    async def add_challenge(self, resident_id: str, core_challenge: str, name: str, id_number: str, expires_at: datetime) -> str:
        challenge_id = new_id("ch")
        row = {
            "_id": challenge_id,
            "resident_id": resident_id,
            "core_challenge": core_challenge,
            "name": self._keys.seal(name, f"challenges/name/{challenge_id}"),
            "id_number": self._keys.seal(id_number, f"challenges/id_number/{challenge_id}"),
            "state": "pending",
            "expires_at": expires_at,
            "forget_at": expires_at + timedelta(days=1),
        }
        await self._mongo["challenges"].insert_one(row)
        return challenge_id

    async def challenge(self, challenge_id: str, resident_id: str) -> PendingChallenge | None:
        """Only the resident who started it can see it."""
        row = await self._mongo["challenges"].find_one({"_id": challenge_id, "resident_id": resident_id})
        if row is None:
            return None
        name = self._keys.open(row["name"], f"challenges/name/{challenge_id}")
        number = self._keys.open(row["id_number"], f"challenges/id_number/{challenge_id}")
        return PendingChallenge(challenge_id, resident_id, row["core_challenge"], name, number, row["state"], row["expires_at"])

    async def bind(self, challenge: PendingChallenge, person_id: str) -> None:
        """The challenge is used up, the person known and the resident bound, all in one transaction. The second time changes nothing."""
        person = {
            "name": self._keys.seal(challenge.name, f"persons/name/{person_id}"),
            "id_number": self._keys.seal(challenge.id_number, f"persons/id_number/{person_id}"),
            "id_index": self._keys.index("id_number", challenge.id_number),
            "confirmed_at": now(),
        }

        async def all_three(tx: Tx) -> None:
            pending = {"_id": challenge.id, "state": "pending"}
            used = await self._mongo["challenges"].update_one(pending, {"$set": {"state": "used"}}, session=tx)
            if used.modified_count == 0:
                return
            await self._mongo["persons"].update_one({"_id": person_id}, {"$set": person}, upsert=True, session=tx)
            bound = {"$set": {"person_id": person_id, "bound_at": now()}}
            await self._mongo["residents"].update_one({"_id": challenge.resident_id}, bound, session=tx)

        await self._mongo.transaction(all_three)

    async def open_session(self, token: str, resident_id: str, channel: str, expires_at: datetime) -> None:
        row = {"_id": digest(token), "resident_id": resident_id, "channel": channel, "expires_at": expires_at, "created_at": now()}
        await self._mongo["sessions"].insert_one(row)

    async def session(self, token_digest: str) -> dict[str, Any] | None:
        return await self._mongo["sessions"].find_one({"_id": token_digest, "expires_at": {"$gt": now()}})

    async def close_session(self, token_digest: str) -> None:
        await self._mongo["sessions"].delete_one({"_id": token_digest})


def digest(token: str) -> str:
    """What is stored of a bearer token: a copy of the database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()
