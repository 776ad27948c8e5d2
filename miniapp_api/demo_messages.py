"""The part of the demo about being told: a one-time consent is used up, and the next channel takes over."""

import uuid

from miniapp_api.demo_forms import answers
from miniapp_api.demo_walk import Json, Walk

_NAMES = {"inbox": "收件箱", "wechat": "微信", "alipay": "支付宝", "sms": "短信"}


def used_up(walk: Walk, person: Json, item: Json) -> None:
    """In Alipay, with WeChat's consents spent on the first case."""
    asked = [one for one in walk.call("GET", "/v1/messages/consents?moment=apply")["items"] if one["template_key"] == "case_moved"]
    walk.world("POST", "/world/alipay/consents", {"person": person["person"], "template_id": asked[0]["template_id"], "result": "accept"})
    walk.call("POST", "/v1/messages/consents", [{"template_key": "case_moved", "result": "accept"}])
    draft = walk.call("POST", "/v1/drafts", {"item_code": item["code"]}, status=201)
    filled = {"answers": answers(draft["form"], draft["answers"])}
    walk.call("PATCH", f"/v1/drafts/{draft['id']}", filled, headers={"If-Match": str(draft["version"])})
    key = {"Idempotency-Key": uuid.uuid4().hex}
    case_no = str(walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=key)["case_no"])
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "accepted"})
    message = walk.until(lambda: carried(walk, case_no, "已受理"), "受理消息")
    channels = {one["channel"]: one for one in message["channels"]}
    walk.expect((channels["wechat"]["reason"], channels["alipay"]["outcome"]) == ("no_consent", "sent"), "微信授权用完，支付宝送到")
    on_phones = [one for one in walk.world("GET", "/world/ledger/messages")["entries"] if case_no[-20:] in str(one.get("data", ""))]
    walk.expect([one["channel"] for one in on_phones] == ["alipay"], "手机上恰好一条")
    walk.say("又办一件：微信的一次性授权已经用完，改由支付宝提醒", f"收件箱：{message['text']}", *outcomes(message))
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "corrections", "findings": [_FINDING]})
    message = walk.until(lambda: carried(walk, case_no, "补正"), "补正消息")
    texts = [one["text"] for one in walk.world("GET", "/world/ledger/messages")["entries"] if one["channel"] == "sms" and "补正" in one["text"]]
    walk.expect(len(texts) == 1, "补正的短信恰好一条")
    walk.say("要补正，两个小程序都没有可用的授权：发一条短信", f"短信：{texts[0]}", *outcomes(message))


_FINDING = {"target": "material", "name": "身份证复印件", "problem": "照片不清晰", "fix": "请重新拍照上传"}


def carried(walk: Walk, case_no: str, word: str) -> Json | None:
    """The message, once every channel has said what became of it."""
    rows: list[Json] = walk.call("GET", "/v1/messages?limit=50")["items"]
    found = next((one for one in rows if one["case_no"] == case_no and word in one["text"]), None)
    return found if found is not None and {one["channel"] for one in found["channels"]} == set(_NAMES) else None


def outcomes(message: Json) -> list[str]:
    """One line for each channel, as the resident reads it."""
    there = {one["channel"]: one["text"] for one in message["channels"]}
    return [f"{name}：{there[channel]}" for channel, name in _NAMES.items()]
