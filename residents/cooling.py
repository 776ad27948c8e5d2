"""After a change of phone, licences, deliveries and refunds wait: whoever got hold of a number must not at once get hold of what hangs on it."""

from typing import Literal

from kit.clock import in_words
from kit.errors import Forbidden
from residents.store import Residents

What = Literal["licence", "delivery", "refund"]
_WORDS: dict[What, str] = {"licence": "使用证照", "delivery": "寄递", "refund": "申请退款"}


async def check(store: Residents, resident_id: str, what: What) -> None:
    """Raises Forbidden with the end of the cooling time. It holds on every channel of the person."""
    resident = await store.resident(resident_id)
    until = await store.cooling_until(resident.person_id if resident else None, resident_id)
    if until is not None:
        raise Forbidden("cooling_down", f"您最近更换过联系手机，{in_words(until)} 以后才能{_WORDS[what]}；着急办理请到窗口")
