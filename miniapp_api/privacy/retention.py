"""What is forgotten in time where the database does not do it by itself: a daily job, a batch at a time. Running twice changes nothing more."""

import logging
from datetime import timedelta

from cases.file_store import UNUSED
from kit.clock import now
from miniapp_api.personal_data import COLLECTIONS
from miniapp_api.privacy.held import Row, Stays
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

BATCH = 500
WITH_FILES = {"drafts": "draft", "cases": "case", "complaints": "complaint"}  # as what each uses files


async def forget_what_is_due(deps: Deps) -> None:
    """All collections, one after the other."""
    gone: dict[str, int] = {}
    for name, held in COLLECTIONS.items():
        if held.stays.by == "job" and (rows := await _forget(deps, name, due(held.stays))):
            gone[name] = rows
    if gone:
        log.info("forgotten in time", extra={"rows": gone})


def due(stays: Stays) -> Row:
    """The rows whose time is over."""
    before = {"$lt": now() - timedelta(days=stays.days or 0)}
    ways: list[Row] = [{stays.since: before}]
    if stays.or_since:
        ways.append({stays.since: None, stays.or_since: before})
    return {"$and": [{"$or": ways}, dict(stays.which)]}


async def _forget(deps: Deps, name: str, query: Row) -> int:
    gone = 0
    while ids := await deps.privacy.ids(name, query, BATCH):
        if name in WITH_FILES:
            await deps.privacy.release_files([f"{WITH_FILES[name]}:{one}" for one in ids], now() + UNUSED)
        gone += await deps.privacy.delete(name, {**query, "_id": {"$in": ids}})
        if len(ids) < BATCH:
            break
    return gone
