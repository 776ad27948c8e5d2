"""The worker's own reconciliation: yesterday once its statements are there, and days that still have open discrepancies, twice a day."""

import logging
import tempfile
from datetime import date, timedelta
from pathlib import Path

from kit.clock import BEIJING, now
from miniapp_api.healing import ByStory
from miniapp_api.wiring import Deps
from payments.gateways import Gateway
from payments.reconcile import NOBODYS, CannotRun, Desk, accounts, ready_from, reconcile

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
AGAIN = timedelta(hours=12)


def desk(deps: Deps) -> Desk:
    """`ZHANGBAN_STATEMENTS` is the folder that keeps the gateways' statements as evidence."""
    folder = Path(deps.settings.statements) if deps.settings.statements else Path(tempfile.gettempdir()) / "zhangban-statements"
    return Desk(deps.reconciliations, deps.discrepancies, deps.paying.core, ByStory(deps.paying), folder, now)


async def reconcile_by_itself(deps: Deps) -> None:
    """Edge of a job. Any number of workers may run it: a run holds a lease."""
    own = desk(deps)
    for gateway in accounts(deps.paying.gateways.values()):
        for day in await _days(deps, gateway):
            try:
                report = await reconcile(own, gateway, day)
            except CannotRun as exc:
                log.warning("not reconciled", extra={"day": day.isoformat(), "gateway": gateway.name, "reason": exc.reason})
                continue
            (log.error if report.open else log.info)(
                "reconciled", extra={"day": day.isoformat(), "gateway": gateway.name, "open_discrepancies": report.open}
            )


async def _days(deps: Deps, gateway: Gateway) -> list[date]:
    today = now().astimezone(BEIJING).date()
    yesterday = today - timedelta(days=1)
    wanted = {yesterday} | {
        date.fromisoformat(day) for day, name in await deps.discrepancies.open_days((today - LOOK_BACK).isoformat()) if name in (gateway.name, NOBODYS)
    }
    return [day for day in sorted(wanted) if now() >= ready_from(day) and await _is_due(deps, gateway, day)]


async def _is_due(deps: Deps, gateway: Gateway, day: date) -> bool:
    """Never done, or done with something left open and half a day ago."""
    record = await deps.reconciliations.record(f"{day.isoformat()}/{gateway.name}")
    if record is None or record["state"] != "done":
        return True
    left = sum(states.get("open", 0) for states in (record.get("counts") or {}).values())
    return bool(left) and now() - record["finished_at"] > AGAIN
