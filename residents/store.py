"""Every query of channel accounts, residents and persons; the stores of what hangs on them. Names, numbers, phones and openids are sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from kit.clock import now
from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import ASCENDING, Collection, IndexModel, Mongo, Tx
from residents import challenge_store, consent_store, grant_store, kiosk_store, link_store, preference_store, session_store, tries
from residents.challenge_store import Challenges
from residents.consent_store import PolicyConsents
from residents.grant_store import Grant, Grants
from residents.kiosk_store import Kiosks
from residents.link_store import LinkCodes
from residents.preference_store import Preferences
from residents.session_store import Sessions
from residents.tries import Tries

INDEXES = {
    "identities": [
        IndexModel([("resident_id", ASCENDING)]),
        IndexModel([("union_index", ASCENDING)], partialFilterExpression={"union_index": {"$type": "string"}}),
        IndexModel([("channel", ASCENDING), ("resident_id", ASCENDING)], name="on_channel"),
    ],
    "residents": [IndexModel([("person_id", ASCENDING), ("_id", ASCENDING)], name="in_order")],
    "persons": [IndexModel([("id_index", ASCENDING)], unique=True)],
    **session_store.INDEXES,
    **challenge_store.INDEXES,
    **tries.INDEXES,
    **grant_store.INDEXES,
    **link_store.INDEXES,
    **consent_store.INDEXES,
    **kiosk_store.INDEXES,
    **preference_store.INDEXES,
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
class Identity:
    """One account of a channel. `account` is an openid or user id."""

    id: str
    channel: str
    account: str
    resident_id: str
    seen_at: datetime
    created_at: datetime


class Residents:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self.mongo, self._keys = mongo, keys
        self._identities, self._residents, self._persons = mongo["identities"], mongo["residents"], mongo["persons"]
        self.sessions, self.challenges, self.tries, self.grants = Sessions(mongo), Challenges(mongo, keys), Tries(mongo, keys), Grants(mongo, keys)
        self.link_codes, self.consents, self.kiosks, self.preferences = (
            LinkCodes(mongo, keys),
            PolicyConsents(mongo),
            Kiosks(mongo, keys),
            Preferences(mongo),
        )

    # channel accounts

    async def identities(self, channel: str, accounts: Sequence[str]) -> list[dict[str, Any]]:
        """Rows of those of these accounts that were here before."""
        return [row async for row in self._identities.find({"_id": {"$in": [self.identity_id(channel, one) for one in accounts]}})]

    async def add_resident(self, channel: str, accounts: Sequence[str], union: str | None) -> str:
        """A first visit: one resident for all ids of one channel account, the first of which is used from now on. Raises DuplicateKeyError."""
        resident_id = new_id("r")

        async def all_of_it(tx: Tx) -> None:
            await self._residents.insert_one({"_id": resident_id, "person_id": None, "created_at": now()}, session=tx)
            for place, account in enumerate(accounts):
                await self.add_identity(tx, channel, account, resident_id, union=union, alias=place > 0)

        await self.mongo.transaction(all_of_it)
        return resident_id

    async def add_identity(self, tx: Tx, channel: str, account: str, resident_id: str, *, union: str | None, alias: bool) -> None:
        """`alias`: a second id of an account that is reached by another one."""
        own = self.identity_id(channel, account)
        row = {
            "_id": own,
            "channel": channel,
            "account": self._keys.seal(account, f"identities/account/{own}"),
            "alias": alias,
            "union_index": self.union_index(union),
            "resident_id": resident_id,
            "created_at": now(),
            "seen_at": now(),
        }
        await self._identities.insert_one(row, session=tx)

    async def seen(self, tx: Tx | None, channel: str, accounts: Sequence[str], resident_id: str, union: str | None) -> None:
        """These ids are all of this resident, the first being the one to use. A union id once known is kept."""
        kept = {"union_index": self.union_index(union)} if union else {}
        for place, account in enumerate(accounts):
            change: dict[str, Any] = {"seen_at": now(), "resident_id": resident_id, **kept}
            if len(accounts) > 1:
                change["alias"] = place > 0
            await self._identities.update_one({"_id": self.identity_id(channel, account)}, {"$set": change}, session=tx)

    async def known(self, channel: str, account: str) -> str | None:
        """The resident of a channel account that has signed in before."""
        found = await self._identities.find_one({"_id": self.identity_id(channel, account)}, {"resident_id": 1})
        return None if found is None else str(found["resident_id"])

    async def identities_of(self, resident_ids: Sequence[str]) -> list[Identity]:
        """The last seen first; second ids of the same account are left out."""
        found = self._identities.find({"resident_id": {"$in": list(resident_ids)}, "alias": {"$ne": True}}).sort("seen_at", -1)
        return [self._identity(row) async for row in found]

    async def same_union(self, resident_ids: Sequence[str]) -> list[Identity]:
        """Accounts of others that WeChat says belong to the same person (unionid). A hint: it binds nothing."""
        mine = self._identities.find({"resident_id": {"$in": list(resident_ids)}, "union_index": {"$type": "string"}}, {"union_index": 1})
        unions = [row["union_index"] async for row in mine]
        if not unions:
            return []
        others = {"union_index": {"$in": unions}, "resident_id": {"$nin": list(resident_ids)}, "alias": {"$ne": True}}
        return [self._identity(row) async for row in self._identities.find(others).limit(20)]

    async def accounts_of(self, person_id: str, channel: str) -> list[tuple[str, str]]:
        """(resident id, openid or user id) by which this person can be reached on a channel, the last seen first.

        "resident:<id>" stands for an account behind which nobody stands (yet, or any more).
        """
        alone = person_id.removeprefix("resident:")
        residents = [alone] if alone != person_id else await self.residents_of(person_id)
        return [(one.resident_id, one.account) for one in await self.identities_of(residents) if one.channel == channel]

    # residents and persons

    async def resident_row(self, resident_id: str) -> dict[str, Any] | None:
        return await self._residents.find_one({"_id": resident_id})

    async def resident(self, resident_id: str) -> Resident | None:
        found = await self.resident_row(resident_id)
        return None if found is None else Resident(resident_id, found.get("person_id"), self._phone(found))

    async def residents_of(self, person_id: str, tx: Tx | None = None) -> list[str]:
        return [row["_id"] async for row in self._residents.find({"person_id": person_id}, {"_id": 1}, session=tx)]

    async def attach(self, tx: Tx, resident_id: str, person_id: str) -> bool:
        """False when somebody stands behind it already."""
        change = {"$set": {"person_id": person_id, "bound_at": now()}}
        return bool((await self._residents.update_one({"_id": resident_id, "person_id": None}, change, session=tx)).modified_count)

    async def detach(self, tx: Tx, resident_id: str, person_id: str) -> bool:
        change = {"$set": {"person_id": None, "unbound_at": now()}}
        return bool((await self._residents.update_one({"_id": resident_id, "person_id": person_id}, change, session=tx)).modified_count)

    async def phones(self, tx: Tx | None, person_id: str | None, resident_id: str) -> set[str]:
        """Every phone this account, and whoever stands behind it, is known by."""
        found = self._residents.find(_theirs(person_id, resident_id), session=tx)
        return {phone async for row in found if (phone := self._phone(row))}

    async def set_phone(self, tx: Tx | None, resident_id: str, phone: str) -> None:
        change = {"phone": self._keys.seal(phone, f"residents/phone/{resident_id}"), "phone_at": now()}
        await self._residents.update_one({"_id": resident_id}, {"$set": change}, session=tx)

    async def cool_until(self, tx: Tx, resident_id: str, until: datetime) -> None:
        await self._residents.update_one({"_id": resident_id}, {"$max": {"cooling_until": until}}, session=tx)

    async def cooling_until(self, person_id: str | None, resident_id: str) -> datetime | None:
        """The latest end of a cooling time of this account or of any other of the person."""
        cooling = {**_theirs(person_id, resident_id), "cooling_until": {"$gt": now()}}
        found = await self._residents.find_one(cooling, sort=[("cooling_until", -1)])
        return None if found is None else cast("datetime", found["cooling_until"])

    async def person(self, person_id: str) -> Person | None:
        return self._person(await self._persons.find_one({"_id": person_id}))

    async def person_with(self, name: str, id_number: str) -> Person | None:
        """Whoever has exactly this pair and has confirmed it here before."""
        person = self._person(await self._persons.find_one({"id_index": self._keys.index("id_number", id_number)}))
        return person if person is not None and person.name == name else None

    async def agent_of(self, grant: Grant) -> Person | None:
        """Whom a grant is for: the owner of the whole pair, if they were ever here."""
        index = await self.grants.agent_index(grant.id)
        person = self._person(await self._persons.find_one({"id_index": index}))
        return person if person is not None and person.name == grant.agent_name else None

    async def confirm_person(self, tx: Tx, person_id: str, name: str, id_number: str) -> None:
        """The core says that the owner of this pair has this id."""
        person = {
            "name": self._keys.seal(name, f"persons/name/{person_id}"),
            "id_number": self._keys.seal(id_number, f"persons/id_number/{person_id}"),
            "id_index": self._keys.index("id_number", id_number),
            "confirmed_at": now(),
        }
        await self._persons.update_one({"_id": person_id}, {"$set": person}, upsert=True, session=tx)

    # everybody, page by page and in order

    async def alone(self, after: str, limit: int) -> list[str]:
        """Accounts behind which nobody stands."""
        found = self._residents.find({"person_id": None, "_id": {"$gt": after}}, {"_id": 1}).sort("_id", ASCENDING).limit(limit)
        return [row["_id"] async for row in found]

    async def people(self, after: str, limit: int) -> list[str]:
        """Persons who have an account, each once; `limit` or, where one has several accounts, fewer."""
        found = self._residents.find({"person_id": {"$gt": after}}, {"_id": 0, "person_id": 1}).sort("person_id", ASCENDING).limit(limit)
        return list(dict.fromkeys([row["person_id"] async for row in found]))

    async def accounts_of_people(self, people: Sequence[str]) -> dict[str, str]:
        """Resident id -> person."""
        return {row["_id"]: row["person_id"] async for row in self._residents.find({"person_id": {"$in": list(people)}}, {"person_id": 1})}

    async def on_channel(self, resident_ids: Sequence[str], channel: str) -> set[str]:
        """Those of them who have an account there."""
        wanted = {"channel": channel, "resident_id": {"$in": list(resident_ids)}}
        return {row["resident_id"] async for row in self._identities.find(wanted, {"_id": 0, "resident_id": 1})}

    async def count_alone(self) -> int:
        return int(await self._residents.count_documents({"person_id": None}))

    async def count_people(self) -> int:
        return await _different(self._residents, {"person_id": {"$gt": ""}}, "person_id")

    async def count_on(self, channel: str) -> int:
        return await _different(self._identities, {"channel": channel}, "resident_id")

    def union_index(self, union: str | None) -> str | None:
        return self._keys.index("union", union) if union else None

    def identity_id(self, channel: str, account: str) -> str:
        return f"{channel}:{self._keys.index(channel, account)}"

    def _phone(self, row: dict[str, Any]) -> str | None:
        return self._keys.open(row["phone"], f"residents/phone/{row['_id']}") if row.get("phone") else None

    def _person(self, row: dict[str, Any] | None) -> Person | None:
        if row is None:
            return None
        name = self._keys.open(row["name"], f"persons/name/{row['_id']}")
        return Person(row["_id"], name, self._keys.open(row["id_number"], f"persons/id_number/{row['_id']}"))

    def _identity(self, row: dict[str, Any]) -> Identity:
        account = self._keys.open(row["account"], f"identities/account/{row['_id']}")
        return Identity(row["_id"], row["channel"], account, row["resident_id"], row["seen_at"], row["created_at"])


async def _different(collection: Collection, wanted: dict[str, Any], field: str) -> int:
    """How many values of `field` there are, counted by the database, which reads nothing but an index for it."""
    found = collection.aggregate([{"$match": wanted}, {"$group": {"_id": f"${field}"}}, {"$count": "values"}])
    return sum([int(row["values"]) async for row in found])


def _theirs(person_id: str | None, resident_id: str) -> dict[str, Any]:
    return {"_id": resident_id} if person_id is None else {"$or": [{"_id": resident_id}, {"person_id": person_id}]}
