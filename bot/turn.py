"""One turn of a conversation: in order, answered by Rasa or without it, looked up as the resident who asks, written down."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot import asks, offers, texts
from bot.cleaning import cleaned, masked, plain
from bot.client import Rasa
from bot.knowledge import Knowledge, Lookups, OwnBill, OwnCase
from bot.reply import LONGEST, Card, Memory, Reply, Said
from bot.respond import Heard, respond, without_rasa
from bot.store import Conversations
from kit import metrics
from kit.errors import Outside, TooMany
from kit.ids import new_id, new_nonce
from kit.redis import Redis

log = logging.getLogger(__name__)

_WAITING = 3  # messages of one conversation that may wait for their turn
_LOCK_LIFE = 10  # seconds; longer than a turn
_POLL = 0.05
_CASES = 3


@dataclass(frozen=True, slots=True)
class Answered:
    conversation_id: str
    reply: Reply
    intent: str
    degraded: bool


@dataclass(slots=True)
class Assistant:
    rasa: Rasa
    store: Conversations
    knowledge: Knowledge
    lookups: Lookups
    redis: Redis
    _queues: dict[str, "_Queue"] = field(default_factory=dict)

    async def answer(
        self, text: str, *, conversation_id: str | None = None, resident_id: str | None = None, region: str | None = None, ours: bool = False
    ) -> Answered:
        """`resident_id`: who is signed in; nothing in the text decides that. `ours`: the id was made by this side and may not exist yet.

        Raises TooMany, Unavailable while the catalogue is loading.
        """
        own = conversation_id or new_id("talk")
        async with self._in_order(own):
            memory = await self.store.conversation(own, resident_id) if conversation_id else Memory()
            if memory is None:  # forgotten, or somebody else's: a new one, and nobody learns which
                own, memory = own if ours else new_id("talk"), Memory()
            if region:
                memory = memory.model_copy(update={"region": region})
            question = masked(cleaned(text))
            said, degraded = await self._said(own, question, memory)
            said = await self._looked_up(said, resident_id)
            await self.store.record(own, resident_id, said.memory, question, said.reply.text, said.intent)
            if said.lookup == "human":  # whoever takes over reads these words too
                await self.store.hand_over(own, resident_id)
            if said.miss:
                await self.store.miss(said.miss, said.intent, question, _nearest(said.reply))
        metrics.assistant_turns.labels("degraded" if degraded else "whole", said.miss or "answered").inc()
        return Answered(own, said.reply, said.intent, degraded)

    async def feedback(self, conversation_id: str, resident_id: str | None, useful: bool, comment: str) -> None:
        """A thumb down is kept with the last question; nothing of it is ever shown to anybody else."""
        turns = await self.store.turns(conversation_id, resident_id)
        if turns and not useful:
            memory = await self.store.conversation(conversation_id, resident_id)
            noted = masked(cleaned(comment))
            question = turns[-1]["asked"] + (f"（意见：{noted}）" if noted else "")
            await self.store.miss("thumbs_down", turns[-1]["intent"], question, memory.item if memory else None)

    async def _said(self, conversation_id: str, question: str, memory: Memory) -> tuple[Said, bool]:
        """(answer, degraded)."""
        if question:
            try:
                return await self.rasa.said(conversation_id, question, memory), False
            except Outside as exc:
                log.info("assistant degraded", extra={"reason": exc.reason})
        heard = Heard(question, asks.ask_of(question), memory)
        return await respond(heard, self.knowledge) or without_rasa(heard), bool(question)

    async def _looked_up(self, said: Said, resident_id: str | None) -> Said:
        if said.lookup == "human":
            change = {"text": texts.HUMAN, "buttons": (offers.of_complaint(said.memory.item),)}
            return said.model_copy(update={"reply": said.reply.model_copy(update=change)})
        if said.lookup == "progress" and resident_id is not None:
            return said.model_copy(update={"reply": _with_cases(said.reply, await self.lookups.progress(resident_id))})
        if said.lookup == "bills" and resident_id is not None and (bills := await self.lookups.bills(resident_id)) is not None:
            return said.model_copy(update={"reply": _with_bills(said.reply, bills)})
        return said

    @asynccontextmanager
    async def _in_order(self, conversation_id: str) -> AsyncIterator[None]:
        """One message of a conversation at a time, here by a queue and between processes by a lock in Redis; without Redis, here alone."""
        queue = self._queues.setdefault(conversation_id, _Queue())
        if queue.waiting >= _WAITING:
            raise TooMany("assistant_busy", "上一条消息还在回答，请稍候再发", retry_after=1)
        queue.waiting += 1
        key, mine = f"assistant:{conversation_id}", new_nonce()
        try:
            async with queue.lock:
                for _ in range(int(_LOCK_LIFE / _POLL)):
                    taken = await self.redis.add(key, mine, _LOCK_LIFE)
                    if taken is not False:
                        break
                    await asyncio.sleep(_POLL)
                try:
                    yield
                finally:
                    await self.redis.release(key, mine)
        finally:
            queue.waiting -= 1
            if queue.waiting == 0:
                self._queues.pop(conversation_id, None)


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


def _with_cases(reply: Reply, cases: Sequence[OwnCase]) -> Reply:
    """The resident's own cases in front of what the guide says; those of the item the talk is about, else the newest."""
    about = {card.item_code for card in reply.cards}
    shown = [one for one in cases if one.item_code in about] or list(cases)
    if not shown:
        return reply if about else Reply(text=texts.NO_CASES, buttons=reply.buttons)
    lines = [f"\n{one.item_name}：{one.state_text}（{one.moved_at[:10]}）" for one in shown[:_CASES]]
    cards = tuple(
        Card(
            kind="progress",
            item_code=one.item_code,
            item_version=one.item_version,
            part="progress",
            as_of=one.moved_at,
            name=one.item_name,
            case_no=one.case_no,
        )
        for one in shown[:_CASES]
    )
    text = texts.YOUR_CASES + "".join(lines)
    rest = f"\n{reply.text}" if about and len(text) + len(reply.text) < LONGEST else ""
    return Reply(text=(text + rest)[:LONGEST], cards=(*cards, *reply.cards), buttons=reply.buttons)


def _with_bills(reply: Reply, bills: Sequence[OwnBill]) -> Reply:
    """What is owed, in front of whom to ask."""
    lines = [f"\n{plain(one.title, 60)} {one.amount} 元：{one.state_text}" for one in bills[:_CASES]]
    cards = tuple(
        Card(kind="bill", item_code=None, item_version=None, part="fee", as_of=one.as_of, name=one.title, case_no=one.case_no)
        for one in bills[:_CASES]
    )
    text = f"{texts.YOUR_BILLS}{''.join(lines)}\n{texts.PAY_THERE}" if bills else texts.NO_BILLS
    rest = f"\n{reply.text}" if reply.cards and len(text) + len(reply.text) < LONGEST else ""
    return Reply(text=(text + rest)[:LONGEST], cards=(*cards, *reply.cards), buttons=reply.buttons)


def _nearest(reply: Reply) -> str | None:
    codes = (*(one.item_code for one in reply.cards), *(one.item_code for one in reply.buttons))
    return next((code for code in codes if code), None)
