"""Drawing a receipt beside everything else: one thread, so that a crowd waits its turn and the loop goes on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from payments.receipt_facts import Check, ReceiptFacts

_THREAD = ThreadPoolExecutor(1, "receipt")  # more would share one interpreter, and each would keep 25 MB of its own (measured: 220 MB with four)


async def draw_aside(facts: ReceiptFacts, check: Check) -> bytes:
    return await asyncio.get_running_loop().run_in_executor(_THREAD, _drawn, facts, check)


def _drawn(facts: ReceiptFacts, check: Check) -> bytes:
    from payments.receipt import draw  # the PDF library and the font cost half a second and 80 MB: the first receipt pays them, not every process

    return draw(facts, check)
