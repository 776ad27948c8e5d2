"""What supervision is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from core.client import Core
from core.tallies import CoreTallies
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox
from supervision import store
from supervision.store import Supervision

STORES = (store,)


@dataclass(frozen=True, slots=True)
class Supervising:
    store: Supervision
    core: CoreTallies


def supervising(stores: tuple[Mongo, Keyring, Outbox], core: Core) -> Supervising:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    return Supervising(Supervision(mongo, keys), CoreTallies(core))
