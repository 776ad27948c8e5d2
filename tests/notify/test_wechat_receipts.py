"""WeChat's receipts and our own notes, in whatever order they are written."""

import asyncio
from typing import Any

from core.types import CaseMove, CaseState
from kit.clock import now
from kit.mongo import Mongo, Tx
from notify.case_messages import of_move
from notify.store import Messages, Outcome


class NotedBetween(Messages):
    """Our note lands just after the receipt was written to nothing."""

    between: Any = None

    async def _received(self, asked: Any) -> Any:
        collection, note = self._messages, self.between

        class Late:
            async def bulk_write(self, *given: Any, **more: Any) -> Any:
                done = await collection.bulk_write(*given, **more)
                await note()
                return done

            def find(self, *given: Any, **more: Any) -> Any:
                return collection.find(*given, **more)

        self._messages = Late()  # type: ignore[assignment]
        try:
            return await super()._received(asked)
        finally:
            self._messages = collection


async def make_message(mongo: Mongo, messages: Messages) -> str:
    told = of_move("居住证申领", "C-1", CaseMove(version=2, state=CaseState.ACCEPTED, at=now()))

    async def one(tx: Tx) -> str:
        return (await messages.add_many(tx, [("e-1", "p-1", told)]))[0]

    return str(await mongo.transaction(one))


async def receipt_of(mongo: Mongo, own: str) -> str | None:
    row = await mongo["messages"].find_one({"_id": own})
    assert row is not None
    return row["channels"].get("wechat", {}).get("receipt")  # type: ignore[no-any-return]


async def test_a_receipt_that_met_no_note_is_not_called_taken(mongo: Mongo) -> None:
    messages = NotedBetween(mongo)
    own = await make_message(mongo, messages)
    messages.between = lambda: Messages(mongo).note(own, {"wechat": Outcome("sent", None, "42")}, done=True)
    assert await messages.receipt("42", "delivered") is False and await receipt_of(mongo, own) is None
    assert await messages.receipt("42", "delivered") is True and await receipt_of(mongo, own) == "delivered"
    assert await messages.receipt("42", "delivered") is True


async def test_receipts_that_come_together_each_get_their_own_answer(mongo: Mongo) -> None:
    messages = Messages(mongo)
    own = await make_message(mongo, messages)
    await messages.note(own, {"wechat": Outcome("sent", None, "42")}, done=True)
    both = await asyncio.gather(messages.receipt("42", "delivered"), messages.receipt("43", "delivered"))
    assert list(both) == [True, False]
    assert await receipt_of(mongo, own) == "delivered"
