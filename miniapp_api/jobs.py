"""The worker process: outbox rows, the core's feeds; and the API process's own kind of rows. Any number may run; leases and compare-and-set keep them apart."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from bot import wechat_reply
from cases import acting, file_scan, files, submit
from cases.corrections import CORRECTION
from cases.deeming import deem_accepted
from cases.withdraw import WITHDRAWAL
from content import publications
from content.sync import reshape, sync, take_effect
from delivery import booking, polling, shipping
from delivery.shipping import Shipping
from delivery.standstill import look_for_stuck
from kit.clock import now
from kit.outbox import Handler, Row, Worker
from kit.repeat import every
from miniapp_api import (
    broadcasting,
    file_refused,
    identity_told,
    jobs_appointments,
    jobs_complaints,
    jobs_ratings,
    jobs_supervision,
    licence_sweep,
    old_rows,
    parcel_changed,
    parcel_told,
    payment_told,
    reminding,
)
from miniapp_api.after_payment import TELL
from miniapp_api.core_events import look_at_feed
from miniapp_api.identity_changed import TELL as IDENTITY_TELL
from miniapp_api.privacy import erasure, export
from miniapp_api.privacy.retention import forget_what_is_due
from miniapp_api.reconcile_daily import reconcile_by_itself
from miniapp_api.wiring import Deps
from notify import push
from payments import asking, refunding, refunds, settlement
from payments.paying import Paying

log = logging.getLogger(__name__)

CLOCK_SECONDS = 60.0
PUSHES_AT_ONCE = 128
REMIND_SECONDS = 60.0
BROADCAST_SECONDS = 1.0
RECONCILE_SECONDS = 600.0
STANDSTILL_SECONDS = 600.0
SWEEP_SECONDS = 600.0
FORGET_SECONDS = 86_400.0
OLD_ROWS_SECONDS = 3600.0  # an instance of the release before may still write some


def worker(deps: Deps) -> Worker:
    """The outbox with a handler for every kind of row."""

    async def file_case(row: Row) -> None:
        await submit.carry_out(deps.applying.filing, row)

    async def correct_case(row: Row) -> None:
        await acting.carry_out(deps.applying.acting, CORRECTION, row)

    async def withdraw_case(row: Row) -> None:
        await acting.carry_out(deps.applying.acting, WITHDRAWAL, row)

    async def tell_of_identity(row: Row) -> None:
        await identity_told.tell(deps, row)

    handlers: dict[str, Handler] = {submit.KIND: file_case, IDENTITY_TELL: tell_of_identity}
    handlers |= {acting.KINDS["correction"]: correct_case, acting.KINDS["withdrawal"]: withdraw_case}
    return Worker(deps.outbox, {**handlers, **uploads(deps), **money(deps), **personal(deps), **parcels(deps), **around(deps)}, slots=16)


def pushes(deps: Deps) -> Worker:
    """Messages to phones, apart from everything else: a platform that is slow holds nothing up, and many rows are taken in one write."""

    async def push_message(row: Row) -> None:
        await push.push(deps.pushing, row)

    return Worker(deps.outbox, {push.KIND: push_message}, slots=PUSHES_AT_ONCE)


def uploads(deps: Deps) -> dict[str, Handler]:
    """What the request that stored a file could not see through."""
    return {file_scan.SCAN: lambda row: file_scan.scan(deps.files, row), file_scan.TELL: lambda row: file_refused.tell(deps, row)}


def personal(deps: Deps) -> dict[str, Handler]:
    """What a person takes away with them, and what is taken away when they go."""
    return {
        export.BUILD: lambda row: export.build(deps, row),
        export.DROP: lambda row: export.drop(deps, row),
        erasure.ERASE: lambda row: erasure.carry_out(deps, row),
    }


def money(deps: Deps) -> dict[str, Handler]:
    """What must follow when money moves: booked at the core, asked for, given back, told."""

    def doing(act: Callable[[Paying, Row], Awaitable[None]]) -> Handler:
        return lambda row: act(deps.paying, row)

    return {
        settlement.KIND: doing(settlement.settle_at_core),
        asking.KIND: doing(asking.look),
        asking.RECHECK: doing(asking.look_again),
        refunds.KIND: doing(refunding.refund_at_gateway),
        refunding.REVERSE: doing(refunding.reverse_at_core),
        TELL: lambda row: payment_told.tell(deps, row),
    }


def parcels(deps: Deps) -> dict[str, Handler]:
    """Couriers are asked, and what they say is told."""

    def doing(act: Callable[[Shipping, Row], Awaitable[None]]) -> Handler:
        return lambda row: act(deps.delivering.shipping, row)

    return {
        shipping.BOOK: doing(booking.book),
        shipping.CANCEL: doing(booking.cancel_at_courier),
        shipping.POLL: doing(polling.poll),
        parcel_changed.TELL: lambda row: parcel_told.tell(deps, row),
        parcel_changed.TELL_CORE: lambda row: parcel_told.tell_core(deps, row),
    }


AROUND = (jobs_appointments, jobs_ratings, jobs_complaints, jobs_supervision)


def around(deps: Deps) -> dict[str, Handler]:
    """What makes a service of an application form."""
    return {kind: handler for part in AROUND for kind, handler in part.handlers(deps).items()}


def replies(deps: Deps) -> Worker:
    """Answers to WeChat messages, in the API process: the assistant needs the search index, which the worker process has not."""

    async def answer(row: Row) -> None:
        await wechat_reply.reply(deps.replying, row)

    return Worker(deps.outbox, {wechat_reply.KIND: answer}, slots=8)


async def run(deps: Deps) -> None:
    """Until SIGTERM or SIGINT; then what is running is finished."""
    await reshape(deps.content)  # once: two releases side by side must not undo each other's work again and again
    await deps.workdays.refresh()  # before anybody counts days: the library's are not the operator's
    outboxes = [worker(deps), pushes(deps)]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    jobs = [
        *(asyncio.create_task(outbox.run()) for outbox in outboxes),
        asyncio.create_task(every(deps.settings.feed_seconds, lambda: look_at_feed(deps))),
        asyncio.create_task(every(OLD_ROWS_SECONDS, lambda: old_rows.name_subjects(deps), "older rows not named")),
        asyncio.create_task(every(deps.settings.feed_seconds, lambda: sync_items(deps))),
        asyncio.create_task(every(CLOCK_SECONDS, lambda: look_at_clocks(deps), "days of first replies not looked at")),
        asyncio.create_task(every(deps.settings.feed_seconds, lambda: take_publications(deps))),
        asyncio.create_task(every(REMIND_SECONDS, lambda: remind(deps), "nobody reminded")),
        asyncio.create_task(every(BROADCAST_SECONDS, lambda: broadcasting.run_due(deps), "broadcast put off")),
        asyncio.create_task(every(SWEEP_SECONDS, lambda: look_for_licences(deps), "licences not looked at")),
        asyncio.create_task(every(STANDSTILL_SECONDS, lambda: look_for_standstill(deps), "parcels that stand still not looked for")),
        asyncio.create_task(every(RECONCILE_SECONDS, lambda: reconcile_by_itself(deps), "not reconciled")),
        asyncio.create_task(every(SWEEP_SECONDS, lambda: sweep_files(deps), "files not swept")),
        *(asyncio.create_task(every(*one)) for part in AROUND for one in part.repeated(deps)),
        asyncio.create_task(every(FORGET_SECONDS, lambda: forget_what_is_due(deps), "not forgotten in time")),
    ]
    await stop.wait()
    for outbox in outboxes:
        outbox.stop()
    for job in jobs[len(outboxes) :]:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def sweep_files(deps: Deps) -> None:
    if gone := await files.sweep(deps.files):
        log.info("unused files forgotten", extra={"files": gone})


async def look_at_clocks(deps: Deps) -> None:
    """行政许可法 §32: five working days for the first word about an application."""
    await deps.workdays.refresh()
    await deem_accepted(deps.case_clocks, deps.workdays.current, now())


async def look_for_standstill(deps: Deps) -> None:
    await deps.workdays.refresh()
    if found := await look_for_stuck(deps.delivering.shipping, deps.workdays.current):
        log.warning("parcels stand still", extra={"parcels": found})


async def remind(deps: Deps) -> None:
    if told := await reminding.remind(deps):
        log.info("residents reminded", extra={"reminders": told})


async def look_for_licences(deps: Deps) -> None:
    """Those of residents who do not look at them themselves."""
    await licence_sweep.sweep_licences(deps)


async def sync_items(deps: Deps) -> None:
    turned = await take_effect(deps.content)
    if turned:
        log.info("items began or ended", extra={"items": turned})
    done = await sync(deps.content, deps.core)
    if done.applied or done.parked or done.waiting:
        counts = {"applied": done.applied, "parked": done.parked, "waiting": done.waiting, "odd": dict(done.odd)}
        log.info("catalogue synced", extra=counts | {"finished": done.finished})


async def take_publications(deps: Deps) -> None:
    done = await publications.take(deps.publication_store, deps.core)
    if done.applied or done.parked:
        log.info("publications taken", extra={"applied": done.applied, "parked": done.parked, "finished": done.finished})
