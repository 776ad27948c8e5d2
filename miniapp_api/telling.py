"""Story, the last step of every other one: people are told. An inbox entry each, and the intent to push it, in one write."""

from collections.abc import Sequence

from kit.mongo import DuplicateKeyError, Tx
from kit.outbox import Row
from miniapp_api.wiring import Deps
from notify import push
from notify.told import Told

GONE = "gone_"  # what an account that was deleted leaves in place of its person
Telling = tuple[str, str, Told]  # what is told, once for each person; whose inbox; the words


async def put(deps: Deps, tx: Tx, key: str, person_id: str, told: Told) -> None:
    """`key`: what is told, once for each person; DuplicateKeyError says that it was."""
    await put_many(deps, tx, [(key, person_id, told)])


async def put_many(deps: Deps, tx: Tx, tellings: Sequence[Telling]) -> None:
    """All of them or none, in two writes however many. DuplicateKeyError says that one of them was told before. Whoever is gone has no inbox."""
    here = [one for one in tellings if not one[1].startswith(GONE)]
    if here:
        owns = await deps.messages.add_many(tx, here)
        await deps.outbox.put_many(tx, push.KIND, push.rows([(own, told.kind) for own, (_, _, told) in zip(owns, here, strict=True)]))


async def of_row(deps: Deps, row: Row, whom: Sequence[str], told: Told) -> None:
    """Worker: everybody concerned is told and the row is done, all or nothing; the second time changes nothing."""

    async def all_of_it(tx: Tx) -> None:
        await put_many(deps, tx, [(row.key, person_id, told) for person_id in whom])
        await deps.outbox.done(row.key, tx)

    try:
        await deps.mongo.transaction(all_of_it)
    except DuplicateKeyError:
        await deps.outbox.done(row.key)  # told already; only the end of the row was lost
