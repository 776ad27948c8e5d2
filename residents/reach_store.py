"""By what a person can be reached, and how they want to be told: for many people in three reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kit.crypto import Keyring
from kit.mongo import Mongo

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reachable:
    """`accounts`: (channel, resident id, openid or user id), the last seen first; `phone`: the last one given, with its resident id.
    `preferences` as GET /v1/me/preferences keeps them; None: they never said."""

    accounts: list[tuple[str, str, str]] = field(default_factory=list)
    phone: tuple[str, str] | None = None
    preferences: dict[str, Any] | None = None


class ReachStore:
    """ "resident:<id>" stands for an account behind which nobody stands (yet, or any more)."""

    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._residents, self._identities, self._preferences = mongo["residents"], mongo["identities"], mongo["preferences"]
        self._keys = keys

    async def of(self, addresses: Sequence[str]) -> dict[str, Reachable]:
        """By address; whoever is not known any more is not in it."""
        alone = [one.removeprefix("resident:") for one in addresses if one.startswith("resident:")]
        persons = [one for one in addresses if not one.startswith("resident:")]
        either = [{"person_id": {"$in": persons}}, *([{"_id": {"$in": alone}}] if alone else [])]
        wanted = either[0] if len(either) == 1 else {"$or": either}
        rows = {row["_id"]: row async for row in self._residents.find(wanted, {"person_id": 1, "phone": 1, "phone_at": 1})}
        found: dict[str, Reachable] = {}
        for own, row in sorted(rows.items(), key=lambda one: one[1].get("phone_at") or _NEVER, reverse=True):
            for address in {row.get("person_id"), f"resident:{own}"} & set(addresses):
                known = found.setdefault(str(address), Reachable())
                if known.phone is None and row.get("phone"):  # of several accounts' phones the one given last
                    found[str(address)] = Reachable(phone=(own, self._keys.open(row["phone"], f"residents/phone/{own}")))
        await self._add_accounts(found, rows)
        return await self._with_preferences(found, rows)

    async def _add_accounts(self, found: dict[str, Reachable], rows: dict[str, dict[str, Any]]) -> None:
        mine = {"resident_id": {"$in": list(rows)}, "alias": {"$ne": True}}
        async for row in self._identities.find(mine, {"channel": 1, "account": 1, "resident_id": 1}).sort("seen_at", -1):
            account = row["channel"], row["resident_id"], self._keys.open(row["account"], f"identities/account/{row['_id']}")
            for address in (rows[row["resident_id"]].get("person_id"), f"resident:{row['resident_id']}"):
                if address in found:
                    found[address].accounts.append(account)

    async def _with_preferences(self, found: dict[str, Reachable], rows: dict[str, dict[str, Any]]) -> dict[str, Reachable]:
        """A person who never said is asked by what they said on an account before."""
        own = {address: [address] for address in found}
        for resident_id, row in rows.items():
            if row.get("person_id") in own:
                own[row["person_id"]].append(f"resident:{resident_id}")
        asked = [address for addresses in own.values() for address in addresses]
        kept = {row["_id"]: row async for row in self._preferences.find({"_id": {"$in": asked}, "channels": {"$exists": True}})}
        first = {address: next((kept[one] for one in addresses if one in kept), None) for address, addresses in own.items()}
        return {address: Reachable(one.accounts, one.phone, first[address]) for address, one in found.items()}
