"""What complaints is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from complaints import store
from complaints.store import Complaints
from core.client import Core
from core.complaints import CoreComplaints
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox

STORES = (store,)


@dataclass(frozen=True, slots=True)
class Complaining:
    store: Complaints
    core: CoreComplaints


def complaining(stores: tuple[Mongo, Keyring, Outbox], core: Core) -> Complaining:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    return Complaining(Complaints(mongo, keys), CoreComplaints(core))
