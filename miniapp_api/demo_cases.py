"""The demo's part about people and cases: one person on two channels, nobody else in between, nothing asked twice, everything told at once."""

from typing import Any
from urllib.parse import quote

from kit.ids import new_token
from miniapp_api.demo_forms import answers
from miniapp_api.demo_walk import Json, Walk

PERMIT = "11990100MB990001313000790100700"  # 居住证申领, of our own catalogue
CARD = "11990100MB9900048K3002090400100"  # 社会保障卡申领


def stranger(walk: Walk, person: Json) -> None:
    """Somebody who knows the name and the ID number gets nowhere without their owner."""
    kept, walk.token = walk.token, ""
    other = walk.world("POST", "/world/people", {})
    log_in(walk, other, "wechat")
    started = walk.call("POST", "/v1/me/real-name", {"name": person["name"], "id_number": person["id_number"]}, status=202)
    waiting = walk.call("POST", f"/v1/me/real-name/{started['challenge']}", {}, status=202)
    walk.world("POST", f"/world/people/{person['person']}/refuse-real-name", {})
    refused = walk.call("POST", f"/v1/me/real-name/{started['challenge']}", {}, status=403)
    walk.expect(walk.call("GET", "/v1/cases")["items"] == [], "陌生人什么也看不到")
    walk.token = kept
    walk.say("陌生人知道姓名和身份证号，想冒名认证", f"本人没有确认：{waiting['text']}", f"本人拒绝之后：{refused['title']}")


def has_forms(walk: Walk) -> bool:
    return any(one["code"] == PERMIT for one in walk.call("GET", f"/v1/items?q={quote('居住证申领')}&limit=5")["items"])


def across(walk: Walk, person: Json) -> None:
    """Begun on WeChat, finished on Alipay; a licence stands in for a paper; corrections answered in one round; withdrawn at the end of another."""
    log_in(walk, person, "wechat")
    draft = walk.call("POST", "/v1/drafts", {"item_code": PERMIT}, status=201)
    walk.call("PATCH", f"/v1/drafts/{draft['id']}", {"answers": {"phone": "13800138000"}})
    log_in(walk, person, "alipay")
    there = walk.call("GET", f"/v1/drafts/{draft['id']}")
    walk.expect(there["answers"]["phone"] == "13800138000", "支付宝里接着填微信里的草稿")
    covered = [f"{one['material']}" for one in there["covered"]]
    walk.expect(bool(covered), "有证照的材料不再要")
    found = walk.call("POST", f"/v1/drafts/{draft['id']}/precheck", {})["findings"]
    walk.call("PATCH", f"/v1/drafts/{draft['id']}", {"answers": {"address": "临江市江东区和平路1号", "move_in": "2026-03-01"}})
    done = walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=key())
    shown = [one for one in walk.world("GET", "/world/ledger/core")["entries"] if one["kind"] == "licence.presented"]
    walk.expect(len(shown) == len(covered), "证照各出示一次")
    walk.say(
        "微信里开始的申请，到支付宝里填完提交",
        f"预检一次说全：{'；'.join(one['message'] for one in found)}",
        f"电子证照代替：{'、'.join(covered)}，不再上传",
        done["receipt"]["text"],
    )
    corrected(walk, done["case_no"])


def corrected(walk: Walk, case_no: str) -> None:
    findings = [
        {"target": "field", "name": "phone", "problem": "号码是空号", "fix": "请填能联系到的手机号"},
        {"target": "field", "name": "address", "problem": "缺少门牌号", "fix": "请补充到门牌号"},
        {"target": "field", "name": "move_in", "problem": "与租赁合同不一致", "fix": "请按合同填写"},
    ]
    walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": "corrections", "findings": findings})
    case = walk.until(lambda: in_state(walk, case_no, "corrections"), "补正通知")
    notice = walk.call("GET", f"/v1/cases/{case_no}/notices/{quote(case['open_notice'])}")
    walk.expect(len(notice["findings"]) == 3, "一次性告知，三处都在一份通知里")
    half = {"answers": {"phone": "13900139000"}, "materials": []}
    refused = walk.call("POST", f"/v1/cases/{case_no}/corrections", half, status=422, headers=key())
    whole = {"answers": {"phone": "13900139000", "address": "临江市江东区和平路1号2单元301室", "move_in": "2026-02-01"}, "materials": []}
    walk.call("POST", f"/v1/cases/{case_no}/corrections", whole, headers=key())
    walk.until(lambda: in_state(walk, case_no, "supplemented"), "补正已收到")
    for to in ("accepted", "approved", "issued"):
        walk.world("POST", f"/world/core/cases/{case_no}/moves", {"to": to})
    walk.until(lambda: in_state(walk, case_no, "issued"), "办结")
    walk.say(
        "补正：三处一次告知，一轮补齐",
        f"只改了一处就提交：{'；'.join(one['message'] for one in refused['errors'])}",
        "三处都补上之后：已补正，随后办结",
    )


def joint(walk: Walk) -> None:
    """Two items, one form, one list of papers, a case each, one view of how far they are."""
    draft = walk.call("POST", "/v1/joint", {"item_codes": [PERMIT, CARD]}, status=201)
    asked = list(draft["form"]["properties"])
    walk.expect(len(asked) == len(set(asked)) and asked.count("name") == 1, "同样的内容只填一次")
    walk.call("PATCH", f"/v1/drafts/{draft['id']}", {"answers": answers(draft["form"], draft["answers"])})
    done = walk.call("POST", f"/v1/drafts/{draft['id']}/submit", {}, status=201, headers=key())
    walk.expect(len(done["parts"]) == 2, "两个事项各一件")
    for one in done["parts"]:
        walk.world("POST", f"/world/core/cases/{one['case_no']}/moves", {"to": "accepted"})
    seen = walk.until(lambda: all_accepted(walk, draft["project_code"]), "两件都受理")
    walk.say(
        "一件事：居住证和社会保障卡一起申请",
        f"一张表 {len(asked)} 个字段，材料合并为：{'、'.join(one['name'] for one in draft['wanted'])}",
        f"项目码 {draft['project_code']}：{seen['text']}",
    )


def all_accepted(walk: Walk, project_code: str) -> Json | None:
    seen = walk.call("GET", f"/v1/joint/{project_code}")
    return seen if all(one["state"] == "accepted" for one in seen["cases"]) else None


def enterprise(walk: Walk, person: Json) -> None:
    """The same person, acting for an enterprise of which the core says they may."""
    owned = walk.world("POST", f"/world/people/{person['person']}/enterprises", {})
    log_in(walk, person, "wechat")
    choices = walk.call("GET", "/v1/me/subjects")["items"]
    walk.expect(any(one.get("id") == owned["uscc"] for one in choices), "可以代表自己的企业")
    chosen = walk.call("POST", "/v1/me/subject", {"kind": "enterprise", "id": owned["uscc"]})
    walk.expect(walk.call("GET", "/v1/cases")["items"] == [], "代表企业时看不到自己的办件")
    walk.call("POST", "/v1/me/subject", {"kind": "enterprise", "id": "91110000MADE0NEVER"}, status=403)
    walk.call("POST", "/v1/me/subject", {"kind": "self"})
    walk.expect(len(walk.call("GET", "/v1/cases")["items"]) >= 1, "换回自己，办件都在")
    walk.say("代表企业办事：核心平台登记的法定代表人或经办人才可以", f"现在代表：{chosen['name']}")


def log_in(walk: Walk, person: Json, channel: str) -> None:
    """On that channel; bound to the real-name person by its owner's confirmation where it is not yet."""
    if channel == "wechat":
        code = walk.world("POST", "/world/wechat/codes", {"person": person["person"], "kind": "login"})["code"]
        walk.token = walk.call("POST", "/v1/login/wechat", {"code": code})["token"]
    else:
        code = walk.world("POST", "/world/alipay/auth-codes", {"person": person["person"]})["auth_code"]
        walk.token = walk.call("POST", "/v1/login/alipay", {"auth_code": code})["token"]


def in_state(walk: Walk, case_no: str, state: str) -> Any:
    case = walk.call("GET", f"/v1/cases/{case_no}")
    return case if case["state"] == state else None


def key() -> dict[str, str]:
    return {"Idempotency-Key": new_token()}
