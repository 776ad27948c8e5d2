"""Story: who pays for a parcel. The item's own rule decides; what is paid before it goes is a bill of the core's like any other."""

from typing import Any

from core.deliveries import CoreDeliveries, FreightAsk
from delivery.couriers import Courier, Party, Quote
from delivery.parcels import Direction, Method, WhoPays
from kit.errors import Conflict, Outside, Refused, Unavailable

TITLES: dict[Direction, str] = {"to_resident": "证照寄递运费", "to_hall": "材料寄递运费"}
_RULES: dict[str, WhoPays] = {"free": "free", "city": "city", "receiver": "receiver", "prepaid": "prepaid"}


def who_pays(item: dict[str, Any] | None, direction: Direction, method: Method) -> WhoPays:
    """Without a rule of the item's the resident pays: for a licence at the door, for papers beforehand, since a hall takes nothing that is 到付."""
    if method != "courier":
        return "free"
    rule = _RULES.get(str((item or {}).get("delivery_payer") or ""), "receiver")
    return "prepaid" if direction == "to_hall" and rule == "receiver" else rule


async def quoted(courier: Courier, sender: Party, receiver: Party) -> Quote:
    """Raises Conflict where the courier does not go there, Unavailable while it does not say."""
    try:
        return await courier.quote(sender, receiver)
    except Refused as exc:
        raise Conflict("not_delivered_there", "快递不能送到这个地址，请换一家快递或换一个地址，也可以选择到窗口领取") from exc
    except Outside as exc:
        raise Unavailable("courier_unavailable", "快递公司暂时没有回应，请稍后再试，或选择到窗口领取", retry_after=10) from exc


async def bill(core: CoreDeliveries, ask: FreightAsk) -> str:
    """Its id. The same parcel asked for again has the same bill; its price may have changed since, and then it is another parcel."""
    try:
        return (await core.bill_freight(ask)).bill_id
    except Refused as exc:
        if exc.reason == "delivery_id_reused":
            raise Conflict("freight_changed", "运费刚刚有变化，请重新提交一次寄递申请") from exc
        raise Conflict("core_refused", "政务平台没有开出运费缴费单，请选择到窗口领取或致电 12345") from exc
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请用同一个 Idempotency-Key 稍后再试", retry_after=5) from exc
