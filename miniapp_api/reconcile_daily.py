"""The worker's own reconciliation: each day once its statements are there, and days that still have open discrepancies, twice a day.

Also the one desk that the worker and the command sit at, so that one folder keeps the statements.
"""

import logging
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from kit.clock import BEIJING, now
from miniapp_api.healing import ByStory
from miniapp_api.wiring import Deps
from payments.gateways import Gateway
from payments.reconcile import NOBODYS, CannotRun, Desk, accounts, ready_from, reconcile

log = logging.getLogger(__name__)

LOOK_BACK = 7  # days; a day nobody reconciled by then is left to the command
AGAIN = timedelta(hours=12)


def desk(deps: Deps) -> Desk:
    """`ZHANGBAN_STATEMENTS` is the folder that keeps the gateways' statements as evidence."""
    folder = Path(deps.settings.statements) if deps.settings.statements else Path(tempfile.gettempdir()) / "zhangban-statements"
    return Desk(deps.reconciliations, deps.discrepancies, deps.paying.core, ByStory(deps.paying), folder, now)


async def reconcile_by_itself(deps: Deps) -> None:
    """Edge of a job. Any number of workers may run it: a run holds a lease."""
    await reconcile_due(desk(deps), accounts(deps.paying.gateways.values()))


async def reconcile_due(own: Desk, gateways: Iterable[Gateway]) -> None:
    """Every account, the oldest due day first. One that cannot run keeps no other from running, and comes again with the next call."""
    for gateway in gateways:
        for day in await _days(own, gateway):
            try:
                report = await reconcile(own, gateway, day)
            except CannotRun as exc:
                log.warning("not reconciled", extra={"day": day.isoformat(), "gateway": gateway.name, "reason": exc.reason})
                continue
            (log.error if report.open else log.info)(
                "reconciled", extra={"day": day.isoformat(), "gateway": gateway.name, "open_discrepancies": report.open}
            )


async def _days(own: Desk, gateway: Gateway) -> list[date]:
    """Of the last LOOK_BACK days: never done (the workers may have been away), or done half a day ago with something open that still is."""
    today = own.clock().astimezone(BEIJING).date()
    days = [today - timedelta(days=back) for back in range(LOOK_BACK, 0, -1)]
    left = {day for day, name in await own.queue.open_days(days[0].isoformat()) if name in (gateway.name, NOBODYS)}
    due = []
    for day in (one for one in days if own.clock() >= ready_from(one)):
        record = await own.runs.record(f"{day.isoformat()}/{gateway.name}")
        if record is None or record["state"] != "done" or (day.isoformat() in left and own.clock() - record["finished_at"] > AGAIN):
            due.append(day)
    return due
