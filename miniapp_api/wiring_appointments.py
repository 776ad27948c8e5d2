"""What appointments is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from appointments import store
from appointments.store import Appointments
from core.appointments import CoreAppointments
from core.client import Core
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox

STORES = (store,)


@dataclass(frozen=True, slots=True)
class Appointing:
    store: Appointments
    core: CoreAppointments


def appointing(stores: tuple[Mongo, Keyring, Outbox], core: Core) -> Appointing:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    return Appointing(Appointments(mongo, keys), CoreAppointments(core))
