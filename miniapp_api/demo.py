"""`zhangban demo`: a resident's journey over HTTP only, on a stack of its own, each step printed and checked."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from miniapp_api import demo_around, demo_cases, demo_messages, demo_parcels, demo_pay
from miniapp_api.demo_forms import answers
from miniapp_api.demo_walk import Json, Surprise, Walk
from miniapp_api.stack import Stack


def main(items: Path | None) -> int:
    """Exit code 0 only when every step's result was checked."""
    if items is not None and not items.is_file():
        print(f"找不到事项目录文件 {items}", file=sys.stderr)
        return 2
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="zhangban-demo-"))
    stack = Stack(folder, items=items.resolve() if items else None)
    try:
        stack.start(lambda text: print(text, flush=True))
        journey(Walk(stack))
        print(f"\n全部步骤都已核对，用时 {time.monotonic() - started:.1f} 秒。", flush=True)
        return 0
    except Surprise as exc:
        print(f"\n走不下去了：{exc}\n日志在 {folder}/logs", file=sys.stderr)
        folder = Path()
        return 1
    finally:
        stack.stop()
        if folder != Path():
            shutil.rmtree(folder, ignore_errors=True)


def journey(walk: Walk) -> None:
    person = log_in(walk)
    item = find_item(walk)
    consent(walk)
    bind(walk, person)
    demo_cases.stranger(walk, person)
    case_no = apply(walk, item)
    follow(walk, case_no)
    paid = demo_pay.by_wechat(walk, case_no)
    alipay(walk, person, case_no)
    demo_messages.used_up(walk, person, item)
    demo_pay.by_alipay(walk, case_no)
    demo_pay.refund(walk, paid, 500)
    if demo_cases.has_forms(walk):  # another catalogue may have none
        demo_cases.across(walk, person)
        demo_cases.joint(walk)
    demo_cases.enterprise(walk, person)
    demo_parcels.there_and_back(walk)
    demo_around.all_of_it(walk, case_no)


def log_in(walk: Walk) -> Json:
    person = walk.world("POST", "/world/people", {})
    walk.world("POST", f"/world/people/{person['person']}/licences", {"type": "居民身份证"})
    code = walk.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "login"})["code"]
    session = walk.call("POST", "/v1/login/wechat", {"code": code})
    refused = walk.call("POST", "/v1/login/wechat", {"code": code}, status=401)
    walk.token = session["token"]
    me = walk.call("GET", "/v1/me")
    walk.expect(me["real_name"] is False and me["channel"] == "wechat", "新居民还没有实名")
    walk.say("居民在微信里打开小程序并登录", f"居民编号 {me['id']}，未实名", f"同一个登录码再用一次：{refused['title']}")
    return person


def find_item(walk: Walk) -> Json:
    everything = walk.call("GET", "/v1/items?limit=1")
    walk.expect(everything["total"] > 0, "目录不为空")
    found, asked = pick(walk)
    guide = walk.call("GET", f"/v1/items/{quote(found['code'])}/guide")
    parts = guide["parts"]
    walk.expect(guide["code"] == found["code"] and guide["as_of"], "指南是这个事项的，并注明日期")
    walk.expect(all(part["text"] for part in parts.values()), "每一部分都有话说")
    missing = [name for name, part in parts.items() if not part["recorded"]]
    walk.say(f"搜“{asked}”（目录共 {everything['total']} 项）", f"找到：{found['name']}（{found['department']}）")
    walk.say(
        "看办事指南",
        f"时限：{parts['time_limit']['text']}",
        f"材料：{parts['materials']['text'][:80]}",
        f"费用：{parts['fee']['text']}",
        f"地点：{parts['location']['text'][:60]}",
        f"依据核心平台 {guide['as_of']} 的第 {guide['version']} 版" + (f"；未登记：{'、'.join(missing)}" if missing else ""),
    )
    walk.call("GET", "/v1/items/NO-SUCH-ITEM/guide", status=404)
    return {**found, "guide": guide}


def pick(walk: Walk) -> tuple[Json, str]:
    """The first hit of an everyday question that can be applied for online."""
    for asked in ("身份证丢了怎么补办", "护照怎么办", "残疾人证", "办证"):
        for found in walk.call("GET", f"/v1/items?q={quote(asked)}&limit=5")["items"]:
            if walk.call("GET", f"/v1/items/{quote(found['code'])}/guide")["can_apply"]:
                return found, asked
    raise Surprise("没有搜到可以网上申请的事项")


def consent(walk: Walk) -> None:
    asked = [one for one in walk.call("GET", "/v1/messages/consents?moment=apply")["items"] if one["ask"]]
    walk.expect(bool(asked), "有可以请求授权的消息模板")
    kept = walk.call("POST", "/v1/messages/consents", [{"template_key": one["template_key"], "result": "accept"} for one in asked])
    allowed = [one for one in kept["items"] if one["template_key"] in {one["template_key"] for one in asked}]
    walk.expect(len(asked) <= kept["at_once"] and all(one["remaining"] == 1 for one in allowed), "一次问的不超过平台的限制，授权已登记")
    walk.say("同意接收办件提醒（一次性订阅，每同意一次发一条）", *[f"{one['title']}：可发 {one['remaining']} 条" for one in allowed])


def bind(walk: Walk, person: Json) -> None:
    wrong = walk.call("POST", "/v1/me/real-name", {"name": "1", "id_number": "123"}, status=422)
    started = walk.call("POST", "/v1/me/real-name", {"name": person["name"], "id_number": person["id_number"]}, status=202)
    waiting = walk.call("POST", f"/v1/me/real-name/{started['challenge']}", {}, status=202)
    walk.world("POST", f"/world/people/{person['person']}/approve-real-name", {})
    bound = walk.call("POST", f"/v1/me/real-name/{started['challenge']}", {})
    walk.expect(bound["resident"]["real_name"] is True, "实名已完成")
    code = walk.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "phone"})["code"]
    phone = walk.call("POST", "/v1/me/phone", {"channel": "wechat", "code": code})["phone"]
    walk.say(
        "实名认证：姓名和身份证号本身不作数，要本人在登记的手机上确认",
        f"填错时一次说全：{'；'.join(one['message'] for one in wrong['errors'])}",
        f"确认前：{waiting['text']}",
        f"确认后：{bound['resident']['name']} {bound['resident']['id_number']}，联系手机 {phone}（微信授权）",
    )


def apply(walk: Walk, item: Json) -> str:
    draft = walk.call("POST", "/v1/drafts", {"item_code": item["code"]}, status=201)
    draft = walk.call(
        "PATCH", f"/v1/drafts/{draft['id']}", {"answers": answers(draft["form"], draft["answers"])}, headers={"If-Match": str(draft["version"])}
    )
    once = {"Idempotency-Key": "demo-key-0001"}
    done = walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=once)
    again = walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=once)
    walk.expect(done == again, "同一个编号再提交一次，回答不变")
    filed = [one for one in walk.world("GET", "/world/ledger/core")["entries"] if one.get("kind") == "case.submitted"]
    walk.expect(len(filed) == 1 and filed[0]["case_no"] == done["case_no"], "核心平台恰好收到一份")
    walk.say("填表并提交", done["receipt"]["text"], "手滑又点了一次提交：还是同一份回执，核心平台只有一件")
    return str(done["case_no"])


def follow(walk: Walk, case_no: str) -> None:
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "accepted"})
    message = walk.until(lambda: demo_messages.carried(walk, case_no, "已受理"), "受理消息")
    pushed = walk.until(lambda: on_phone(walk, case_no), "手机上的微信提醒")
    walk.expect(len(pushed) == 1, "微信提醒恰好一条")
    case = walk.call("GET", f"/v1/cases/{case_no}")
    walk.expect(case["state"] == "accepted", "办件已受理")
    walk.say("办事员在核心平台受理", f"收件箱：{message['text']}", f"微信提醒：{values(pushed[0])}", *demo_messages.outcomes(message))
    findings = [
        {"target": "material", "name": "身份证复印件", "problem": "照片不清晰", "fix": "请重新拍照上传"},
        {"target": "field", "name": "联系地址", "problem": "缺少门牌号", "fix": "请补充到门牌号"},
    ]
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "corrections", "findings": findings})
    message = walk.until(lambda: told(walk, case_no, "补正"), "补正消息")
    walk.expect(all(one["problem"] in message["text"] for one in findings), "补正一次说全")
    walk.say("办事员要求补正", message["text"])
    for to in ("accepted", "approved", "issued"):
        walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": to})
    message = walk.until(lambda: demo_messages.carried(walk, case_no, "已办结"), "办结消息")
    case = walk.until(lambda: issued(walk, case_no), "办件办结")
    steps = [one["state_text"] for one in case["timeline"]]
    walk.expect(len(steps) == 6 and [one["version"] for one in case["timeline"]] == [1, 2, 3, 4, 5, 6], "进度完整、按序")
    inbox = walk.call("GET", "/v1/messages?limit=50")["items"]
    walk.expect(len(inbox) == 5, "五次变动，五条消息，不多不少")
    walk.say("补正后受理、通过、发证", " → ".join(steps), f"收件箱：{message['text']}", *demo_messages.outcomes(message))


def alipay(walk: Walk, person: Json, case_no: str) -> None:
    code = walk.world("POST", "/world/alipay/auth-codes", {"person": person["person"]})["auth_code"]
    walk.token = walk.call("POST", "/v1/login/alipay", {"auth_code": code})["token"]
    walk.call("GET", f"/v1/cases/{case_no}", status=404)
    started = walk.call("POST", "/v1/me/real-name", {"name": person["name"], "id_number": person["id_number"]}, status=202)
    walk.world("POST", f"/world/people/{person['person']}/approve-real-name", {})
    walk.call("POST", f"/v1/me/real-name/{started['challenge']}", {})
    case = walk.call("GET", f"/v1/cases/{case_no}")
    walk.expect(case["state"] == "issued", "支付宝里看到同一件")
    walk.say("换到支付宝登录：实名之前看不到，本人确认之后看到同一个办件", f"{case['item_name']}：{case['state_text']}")


def told(walk: Walk, case_no: str, word: str) -> Json | None:
    rows: list[Json] = walk.call("GET", "/v1/messages?limit=50")["items"]
    return next((one for one in rows if one["case_no"] == case_no and word in one["text"]), None)


def on_phone(walk: Walk, case_no: str) -> list[Json]:
    entries: list[Json] = walk.world("GET", "/world/ledger/messages")["entries"]
    return [one for one in entries if case_no[-20:] in json.dumps(one, ensure_ascii=False)]


def issued(walk: Walk, case_no: str) -> Json | None:
    case = walk.call("GET", f"/v1/cases/{case_no}")
    return case if case["state"] == "issued" else None


def values(entry: Json) -> str:
    return "，".join(str(one["value"]) for one in entry["data"].values())
