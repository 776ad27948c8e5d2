"""The demo's last part: papers go to the hall by EMS, and the licence comes to the door by SF; each once, and everybody concerned knows."""

from typing import Any
from urllib.parse import quote

from miniapp_api.demo_forms import answers
from miniapp_api.demo_pay import key, staff
from miniapp_api.demo_walk import Json, Walk

_HOME = {"province": "广东省", "city": "深圳市", "county": "南山区", "detail": "科技园路 1 号 3 栋 1602", "phone": "13800001234"}


def there_and_back(walk: Walk) -> None:
    """Nothing of it where no item of the catalogue may travel."""
    item = sendable(walk)
    if item is None:
        walk.say("寄递：这个目录里没有能网上申请、材料和结果都能寄递的事项，跳过")
        return
    walk.call("POST", "/v1/me/subject", {"kind": "self"})
    window = staff(walk, "demo.window", "window")
    case_no = filed(walk, item)
    papers_in(walk, window, case_no, item)
    for to in ("approved", "issued"):
        walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": to})
    walk.until(lambda: walk.call("GET", f"/v1/cases/{case_no}")["state"] == "issued", "办结")
    licence_home(walk, window, case_no)


def sendable(walk: Walk) -> Json | None:
    """The first that is applied for online, takes papers by courier and sends its result."""
    for found in walk.call("GET", "/v1/items?limit=50")["items"]:
        item = walk.call("GET", f"/v1/items/{quote(found['code'])}")
        if item["online"] and item.get("materials_by_courier") and item["delivery"] and item["materials"]:
            return item
    return None


def filed(walk: Walk, item: Json) -> str:
    draft = walk.call("POST", "/v1/drafts", {"item_code": item["code"]}, status=201)
    filled = {"answers": answers(draft["form"], draft["answers"])}
    walk.call("PATCH", f"/v1/drafts/{draft['id']}", filled, headers={"If-Match": str(draft["version"])})
    case_no = str(walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=key())["case_no"])
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "accepted"})
    walk.until(lambda: walk.call("GET", f"/v1/cases/{case_no}")["state"] == "accepted", "受理")
    return case_no


def papers_in(walk: Walk, window: Any, case_no: str, item: Json) -> None:
    paper = next((one["name"] for one in item["materials"] if not one["licence_type"]), item["materials"][0]["name"])
    wish = {"direction": "to_hall", "courier": "ems", "address": _HOME, "materials": [paper]}
    refused = walk.call("POST", f"/v1/cases/{case_no}/parcels", wish, status=403, headers=key())
    asked = walk.call("POST", f"/v1/cases/{case_no}/parcels", {**wish, "consent": consent(walk)}, status=201, headers=key())
    if asked["bill_id"]:
        pay(walk, asked["bill_id"])
    parcel = walk.until(lambda: becomes(walk, asked["id"], "booked"), "EMS 接单", 30)
    walk.expect(len(orders(walk, "ems", asked["id"])) == 1, "EMS 恰好一单")
    scans(walk, parcel, "collect", "transit", "deliver", "sign")
    walk.until(lambda: becomes(walk, asked["id"], "delivered"), "EMS 妥投", 30)
    (found,) = window("GET", f"/staff/v1/parcels?waybill={parcel['waybill']}")["items"]
    window("POST", f"/staff/v1/parcels/{found['id']}/receive", {})
    message = walk.until(lambda: told(walk, case_no, "寄送的材料已到"), "材料送达消息")
    walk.until(lambda: ended(walk, asked["id"]) == ["arrived"], "核心平台知道材料到了")
    walk.say(
        f"把材料“{paper}”用 EMS 寄到窗口",
        f"没有同意把信息给快递：{refused['title']}",
        f"运单 {parcel['waybill']}，窗口扫单号收件",
        f"收件箱：{message['text']}",
    )


def licence_home(walk: Walk, window: Any, case_no: str) -> None:
    wish = {"direction": "to_resident", "courier": "sf", "address": _HOME}
    once = key()
    asked = walk.call("POST", f"/v1/cases/{case_no}/parcels", wish, status=201, headers=once)
    walk.expect(asked == walk.call("POST", f"/v1/cases/{case_no}/parcels", wish, status=201, headers=once), "手滑点两次，还是一个寄递件")
    refused = walk.call("POST", f"/v1/cases/{case_no}/parcels", wish, status=409, headers=key())
    if asked["bill_id"]:
        pay(walk, asked["bill_id"])
    parcel = walk.until(lambda: becomes(walk, asked["id"], "booked"), "顺丰接单", 30)
    walk.expect(len(orders(walk, "sf", asked["id"])) == 1, "顺丰恰好一单")
    window("POST", f"/staff/v1/parcels/{asked['id']}/packed", {})
    window("POST", f"/staff/v1/parcels/{asked['id']}/hand-over", {"waybill": parcel["waybill"]})
    scans(walk, parcel, "collect", "transit", "deliver", "sign")
    done = walk.until(lambda: becomes(walk, asked["id"], "delivered"), "顺丰签收", 30)
    message = walk.until(lambda: told(walk, case_no, "已签收（顺丰"), "签收消息")
    walk.until(lambda: ended(walk, asked["id"]) == ["delivered"], "核心平台知道证照已签收")
    walk.say(
        "证照由顺丰寄到家",
        f"寄给 {done['receiver']['name']}（{done['receiver']['address']}），{done['payer_text']}，交付时核验证件",
        f"再申请一次：{refused['title']}",
        f"轨迹 {len(done['scans'])} 条，最后一条：{done['scans'][-1]['text']}",
        f"收件箱：{message['text']}",
    )


def consent(walk: Walk) -> Json:
    one = next(policy for policy in walk.call("GET", "/v1/policies")["items"] if policy["purpose"] == "courier")
    return {"version": one["version"], "text_hash": one["text_hash"]}


def pay(walk: Walk, bill_id: str) -> None:
    channel = walk.call("GET", "/v1/me")["channel"]
    placed = walk.call("POST", f"/v1/bills/{bill_id}/orders", {"channel": channel}, status=201, headers=key())
    walk.world("POST", f"/world/wallets/{channel}/pay", {"order_no": placed["order_no"]})


def becomes(walk: Walk, own: str, state: str) -> Json | None:
    parcel = walk.call("GET", f"/v1/parcels/{own}")
    return parcel if parcel["state"] == state else None


def scans(walk: Walk, parcel: Json, *kinds: str) -> None:
    for kind in kinds:
        walk.world("POST", f"/world/couriers/{parcel['courier']}/parcels/{parcel['waybill']}/scans", {"kind": kind})


def orders(walk: Walk, courier: str, own: str) -> list[Json]:
    lines: list[Json] = walk.world("GET", f"/world/ledger/{courier}")["entries"]
    return [one for one in lines if one["kind"] == "order.created" and one["order_no"].startswith(f"{own}-")]


def ended(walk: Walk, own: str) -> list[str]:
    lines: list[Json] = walk.world("GET", "/world/ledger/core")["entries"]
    return [one["state"] for one in lines if one["kind"] == "delivery.ended" and one["delivery_id"] == own]


def told(walk: Walk, case_no: str, words: str) -> Json | None:
    rows: list[Json] = walk.call("GET", "/v1/messages?limit=50")["items"]
    return next((one for one in rows if one["case_no"] == case_no and words in one["text"]), None)
