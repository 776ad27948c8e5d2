"""What the worker does for appointments: kinds of outbox rows, and what is looked at again and again."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from appointments import arriving, booking, calling_off, waiting
from appointments.work import ARRIVE, BOOK, CALL_OFF, Work
from kit.outbox import Handler, Row
from miniapp_api import appointment_told
from miniapp_api.appointment_changed import TELL, work_of
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

LINE_SECONDS = 10.0


def handlers(deps: Deps) -> dict[str, Handler]:
    def doing(act: Callable[[Work, Row], Awaitable[None]]) -> Handler:
        return lambda row: act(work_of(deps), row)

    return {
        BOOK: doing(booking.book),
        CALL_OFF: doing(calling_off.call_off),
        ARRIVE: doing(arriving.arrive_at_core),
        TELL: lambda row: appointment_told.tell(deps, row),
    }


def repeated(deps: Deps) -> Sequence[tuple[float, Callable[[], Awaitable[object]], str]]:
    """(seconds between two looks, what is done, what the log says when it fails)"""
    return ((LINE_SECONDS, lambda: serve_lines(deps), "waiting lines not served"),)


async def serve_lines(deps: Deps) -> None:
    if offered := await waiting.see_to(work_of(deps), deps.appointing.reader):
        log.info("places offered to those who wait", extra={"offers": offered})
