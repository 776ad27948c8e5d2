"""What appointments is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from appointments import slot_store, store, wait_store
from appointments.rules import Rules
from appointments.slot_store import Slots
from appointments.slots import SlotReader
from appointments.store import Appointments
from appointments.wait_store import Waits
from core.appointments import CoreAppointments
from core.client import Core
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox

STORES = (store, slot_store, wait_store)


@dataclass(frozen=True, slots=True)
class Appointing:
    store: Appointments
    slots: Slots
    waits: Waits
    core: CoreAppointments
    reader: SlotReader
    rules: Rules


def appointing(stores: tuple[Mongo, Keyring, Outbox], core: Core) -> Appointing:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    slots, door = Slots(mongo), CoreAppointments(core)
    return Appointing(Appointments(mongo, keys), slots, Waits(mongo), door, SlotReader(slots, door), Rules())
