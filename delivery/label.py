"""The label of a parcel (面单) as a PDF: where it goes, and the waybill as a barcode. 100 × 150 mm, the thermal printers' usual paper.

What the courier's own device shows is left out here: the name and the phone are masked, and nothing says what the case is about.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from delivery.couriers import Party

_THREAD = ThreadPoolExecutor(1, "label")  # as receipts are drawn: a crowd waits its turn and the loop goes on


@dataclass(frozen=True, slots=True)
class Label:
    """`courier`, `payer` and `goods` in words that may be read by anybody; `goods` names papers in general, never the case."""

    parcel_id: str
    waybill: str
    courier: str
    payer: str
    goods: str
    receiver: Party
    sender: Party
    made_at: datetime


async def draw_aside(label: Label) -> bytes:
    """The PDF; the same label gives the same bytes."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, _drawn, label)


def masked(party: Party) -> tuple[str, str]:
    """(name, phone) as the label shows them: 张**, 138****1234. The courier has both by its own order."""
    return party.name[:1] + "**", f"{party.phone[:3]}****{party.phone[-4:]}"


def place(party: Party) -> str:
    """One line; a municipality's name stands once."""
    whole = [party.province, *([party.city] if party.city != party.province else []), party.county, party.address]
    return "".join(whole)


def _drawn(label: Label) -> bytes:
    from delivery.label_page import printed  # the PDF library and the font cost half a second and 80 MB: the first label pays them

    return printed(label, masked(label.receiver), masked(label.sender))
