"""Every query of kiosks: devices in halls, each with a key of its own, sealed; and the nonces they have used."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import ASCENDING, DuplicateKeyError, IndexModel, Mongo

INDEXES = {"kiosks": [], "kiosk_nonces": [IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0)]}


@dataclass(frozen=True, slots=True)
class Kiosk:
    id: str
    hall: str
    disabled: bool
    created_at: datetime


class Kiosks:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._rows, self._nonces, self._keys = mongo["kiosks"], mongo["kiosk_nonces"], keys

    async def add(self, own: str, hall: str, key: bytes) -> None:
        sealed = self._keys.seal(base64.b64encode(key).decode(), f"kiosks/key/{own}")
        await self._rows.insert_one({"_id": own, "hall": hall, "key": sealed, "disabled": False, "created_at": now()})

    async def kiosk(self, own: str) -> tuple[Kiosk, bytes] | None:
        """(the device, its key)."""
        row = await self._rows.find_one({"_id": own})
        if row is None:
            return None
        key = base64.b64decode(self._keys.open(row["key"], f"kiosks/key/{own}"))
        return Kiosk(own, row["hall"], row["disabled"], row["created_at"]), key

    async def every(self) -> list[Kiosk]:
        return [
            Kiosk(row["_id"], row["hall"], row["disabled"], row["created_at"]) async for row in self._rows.find({}, {"key": 0}).sort("created_at", 1)
        ]

    async def disable(self, own: str) -> bool:
        """False: no such device."""
        return (await self._rows.update_one({"_id": own}, {"$set": {"disabled": True}})).matched_count > 0

    async def first_use(self, own: str, nonce: str) -> bool:
        """False: this device has said it before."""
        try:
            await self._nonces.insert_one({"_id": f"{own}/{nonce}", "forget_at": now() + timedelta(minutes=15)})
        except DuplicateKeyError:
            return False
        return True
