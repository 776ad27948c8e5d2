"""What the core tells us by itself: signed webhook and pull feed alike."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from core.appointments import AppointmentMoved
from core.complaints import ComplaintMoved
from core.frozen import Frozen
from core.types import BillIssued, CoreEvent

Event = CoreEvent | BillIssued | AppointmentMoved | ComplaintMoved
AnyEvent = Annotated[Event, Field(discriminator="type")]
_ANY: TypeAdapter[Event] = TypeAdapter(AnyEvent)


def read_event(raw: dict[str, Any]) -> Event:
    """Raises ValidationError for one that cannot be read, and for a type we do not know."""
    return _ANY.validate_python(raw)


class EventPage(Frozen):
    events: tuple[AnyEvent, ...]
    next_cursor: str
    has_more: bool
