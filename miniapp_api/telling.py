"""Story, the last step of every other one: people are told. An inbox entry each, and a push for every channel named, in one write."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kit.mongo import DuplicateKeyError, Tx
from kit.outbox import Row
from miniapp_api.wiring import Deps
from notify import push


async def put(deps: Deps, tx: Tx, key: str, person_id: str, content: Mapping[str, Any], channels: Collection[str]) -> None:
    """`key`: what is told, once for each person; DuplicateKeyError says that it was."""
    own = await deps.messages.add(tx, key, person_id, dict(content), list(channels))
    for channel in channels:
        await deps.outbox.put(tx, push.KIND, f"push:{own}:{channel}", {"message_id": own, "channel": channel})


async def of_row(deps: Deps, row: Row, whom: Sequence[str], content: Mapping[str, Any], channels: Collection[str]) -> None:
    """Worker: everybody concerned is told and the row is done, all or nothing; the second time changes nothing."""

    async def all_of_it(tx: Tx) -> None:
        for person_id in whom:
            await put(deps, tx, row.key, person_id, content, channels)
        await deps.outbox.done(row.key, tx)

    try:
        await deps.mongo.transaction(all_of_it)
    except DuplicateKeyError:
        await deps.outbox.done(row.key)  # told already; only the end of the row was lost
