"""The physical limit of settling a notice: one transaction with exactly our writes and nothing else, in a process of its own.

No HTTP, no signature, no look at the order first, and every document is made before the clock runs. The same driver, write concern, event
loop and indexes as ours, on the same mongod; tests/bench/test_pay_bench.py holds that the writes are ours field by field.
It obeys lines on stdin: `prepare N`, `go CALLERS`, and answers each with one line of JSON.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

import uvloop

from bench.pay.prepared import made_up_bills, paid, prepare
from kit import outbox
from kit.clock import now
from kit.crypto import Keyring
from kit.embedded import child_options
from kit.mongo import AFTER, Mongo, Tx, connect
from miniapp_api.after_payment import TELL
from payments import ledger, order_store, settlement
from payments.gateways import Payment
from payments.states import OrderState, before

MERCHANT = "9900000000"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Writes:
    """What one notice changes: the order's compare-and-set, the ledger's line, and the two rows of what must follow."""

    seen: Document
    change: Document
    entry: Document
    rows: tuple[Document, Document]


def writes(order: Document, payment: Payment) -> Writes:
    no, at = payment.order_no, now()
    change = {
        "state": OrderState.PAID.value,
        "live": True,
        "paid_at": payment.paid_at,
        "transaction_id": payment.transaction_id,
        "found_by": "notice",
    }
    entry = ledger.line("paid", order | change, payment.amount_fen, payment.paid_at)
    settle = _row(f"settle:{no}", settlement.KIND, {"order_no": no})
    tell = _row(f"tell:paid:{no}", TELL, {"what": "paid", "order_no": no})
    seen = {"_id": no, "state": {"$in": list(before(OrderState.PAID))}}
    return Writes(seen, {"$set": change}, entry | {"written_at": at}, (settle, tell))


def _row(key: str, kind: str, payload: Document) -> Document:
    at = now()
    return {"_id": key, "kind": kind, "payload": payload, "state": "waiting", "attempts": 0, "created_at": at, "due_at": at}


async def settle(mongo: Mongo, one: Writes) -> None:
    async def all_of_it(tx: Tx) -> None:
        if await mongo["orders"].find_one_and_update(one.seen, one.change, return_document=AFTER, session=tx) is None:
            raise LookupError("an order was not where it was prepared")
        await mongo["ledger_entries"].insert_one(one.entry, session=tx)
        for row in one.rows:
            await mongo["outbox"].insert_one(row, session=tx)

    await mongo.transaction(all_of_it)


async def indexes(mongo: Mongo) -> None:
    await mongo.create_indexes({**order_store.INDEXES, **outbox.INDEXES})


async def ready(mongo: Mongo, count: int) -> tuple[list[Payment], list[Writes]]:
    keys = Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32))
    payments = await prepare(mongo, keys, made_up_bills(count), MERCHANT)
    stored = {row["_id"]: row async for row in mongo["orders"].find({"_id": {"$in": [one.order_no for one in payments]}})}
    return payments, [writes(stored[one.order_no], one) for one in payments]


async def run(mongo: Mongo, prepared: Sequence[Writes], callers: int) -> float:
    """Seconds for all of them, each caller doing the next one when its last one is durable."""
    waiting = iter(prepared)
    started = time.perf_counter()
    await asyncio.gather(*(_caller(mongo, waiting) for _ in range(callers)))
    return time.perf_counter() - started


async def _caller(mongo: Mongo, waiting: Iterator[Writes]) -> None:
    for one in waiting:
        await settle(mongo, one)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.pay.limit")
    parser.add_argument("--url", required=True)
    parser.add_argument("--database", required=True)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # what Sanic serves with
        mongo = connect(given.url, given.database)
        runner.run(indexes(mongo))
        payments, prepared = list[Payment](), list[Writes]()
        for line in sys.stdin:
            word, _, number = line.partition(" ")
            if word == "prepare":
                payments, prepared = runner.run(ready(mongo, int(number)))
                told: Document = {"prepared": len(prepared)}
            else:
                seconds = runner.run(run(mongo, prepared, int(number)))
                told = {"seconds": seconds, "paid": runner.run(paid(mongo, payments))}
            print(json.dumps(told), flush=True)
        runner.run(mongo.close())


class Child:
    """That process, as the bench holds it."""

    def __init__(self, url: str, database: str) -> None:
        command = [sys.executable, "-m", "bench.pay.limit", "--url", url, "--database", database]
        options = child_options() | {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **options)  # noqa: S603 - our own command

    def prepare(self, count: int) -> None:
        self._ask(f"prepare {count}")

    def go(self, callers: int) -> tuple[float, int]:
        """(seconds, how many stand as paid)"""
        told = self._ask(f"go {callers}")
        return told["seconds"], told["paid"]

    def close(self) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait(20)

    def _ask(self, line: str) -> Document:
        print(line, file=cast("IO[str]", self._process.stdin), flush=True)
        answer = cast("IO[str]", self._process.stdout).readline()
        if not answer:
            raise SystemExit("pay_limit: the limit's process ended")
        told: Document = json.loads(answer)
        return told


if __name__ == "__main__":
    main()
