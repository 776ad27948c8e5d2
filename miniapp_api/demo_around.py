"""The demo's last part: what is around a case. An appointment moved and kept, a bad rating put right, a complaint from the assistant, the figures."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from kit.clock import BEIJING, now
from miniapp_api.demo_pay import key, staff
from miniapp_api.demo_walk import Json, Walk


def all_of_it(walk: Walk, case_no: str) -> None:
    """`case_no`: of the signed-in person, and issued."""
    case = walk.call("GET", f"/v1/cases/{case_no}")
    attend(walk, case)
    rate(walk, case)
    complain(walk, case)
    supervise(walk)


def attend(walk: Walk, case: Json) -> None:
    code, window = case["item_code"], staff(walk, "demo.hall", "window")
    days = walk.call("GET", f"/v1/items/{quote(code)}/slots")["days"]
    later = now() + timedelta(hours=20)
    free = [slot for day in days for slot in day["slots"] if slot["can_book"] and datetime.fromisoformat(slot["starts_at"]) > later]
    walk.expect(bool(free), "有可约的时间")
    once = key()
    wish = {"slot_id": free[0]["id"], "item_code": code, "case_no": case["case_no"]}
    first = walk.call("POST", "/v1/appointments", wish, status=201, headers=once)
    walk.expect(first == walk.call("POST", "/v1/appointments", wish, status=201, headers=once), "手滑点两次，还是一个预约")
    soon = walk.world("POST", "/world/core/slots", {"item_code": code, "starts_at": today(), "capacity": 1})
    moved = walk.call("POST", f"/v1/appointments/{first['id']}/reschedule", {"slot_id": soon["slot_id"]}, status=201, headers=key())
    old = walk.until(lambda: became(walk, first["id"], "moved", "cancelled"), "原来的号退还")
    full = walk.call("POST", "/v1/appointments", {**wish, "slot_id": soon["slot_id"]}, status=409, headers=key())
    forged = window("POST", "/staff/v1/appointments/check-in", {"code": moved["code"][:-3] + "abc"}, status=404)
    arrived = window("POST", "/staff/v1/appointments/check-in", {"code": moved["code"]})
    again = window("POST", "/staff/v1/appointments/check-in", {"code": moved["code"]})
    walk.expect(again["again"] and again["number"] == arrived["number"], "再扫一次，还是同一个号")
    walk.world("POST", f"/world/core/appointments/{moved['id']}/moves", {"to": "served"})
    done = walk.until(lambda: became(walk, moved["id"], "served"), "窗口办完")
    made = [one for one in lines(walk) if one["kind"] == "appointment.booked"]
    walk.expect(len(made) == 2, "核心平台恰好记了两次预约：原来的和改期后的")
    walk.say(
        "预约到大厅办理，改期，签到",
        f"约了 {first['starts_at'][:16]}（{first['hall']['name']}），预约号 {first['number']}；改到 {moved['starts_at'][:16]}，原来的{old['state_text']}",
        f"同一个人再约：{full['title']}",
        f"窗口扫码：假码“{forged['title']}”；真码“{arrived['text']}”",
        f"办完：{done['state_text']}",
    )


def rate(walk: Walk, case: Json) -> None:
    """Bad, sent to the department, answered, and closed by the resident's own word."""
    path = f"/v1/cases/{case['case_no']}"
    offered = next(one for one in walk.call("GET", f"{path}/ratings")["grades"] if one["grade"] == 2)["indicators"]
    bad = {"stage": "result", "grade": 2, "indicators": [offered[0]["code"]], "text": "补正来回跑了两趟，没有一次说清"}
    rated = walk.call("POST", f"{path}/rating", bad, status=201, headers=key())
    again = walk.call("POST", f"{path}/rating", {**bad, "grade": 1}, status=409, headers=key())
    supervisor, department = staff(walk, "demo.supervisor", "supervisor"), staff(walk, "demo.department", "department")
    (found,) = supervisor("GET", "/staff/v1/rectifications")["items"]
    work = f"/staff/v1/rectifications/{found['id']}"
    found = supervisor("POST", f"{work}/triage", {"revision": found["revision"], "to": found["department"], "note": "情况属实，请部门整改"})
    refused = department("POST", f"{work}/triage", {"revision": found["revision"], "to": found["department"], "note": "转给别人"}, status=403)
    answer = {"revision": found["revision"], "text": "已修改一次性告知的模板，今后一次说全；向您致歉。"}
    department("POST", f"{work}/reply", answer)
    message = walk.until(lambda: told(walk, "rating_moved"), "整改答复的消息")
    done = walk.call("POST", f"/v1/ratings/{rated['id']}/call-back", {"satisfied": True, "text": "可以了"})
    ended = walk.until(lambda: [one for one in lines(walk) if one["kind"] == "rating.ended"], "核心平台知道整改的结果")
    walk.expect(len(ended) == 1 and ended[0]["state"] == "rectified", "整改结果恰好告诉核心平台一次")
    walk.say(
        "评价“不满意”，看它整改",
        f"评价：{rated['grade_text']}，{offered[0]['text']}；再评一次：{again['title']}",
        f"部门不能自己分派：{refused['title']}",
        f"收件箱：{message['text']}",
        f"本人回访满意：{done['state_text']}",
    )


def complain(walk: Walk, case: Json) -> None:
    """Said to the assistant first; the talk goes along, under the number that 12345 knows."""
    said = walk.call("POST", "/v1/assistant/messages", {"text": "我要投诉，窗口推诿了三次"})
    walk.expect(said["intent"] == "complaint", "助手听懂了是投诉")
    words = {"kind": "complaint", "title": "窗口推诿", "text": "同一份材料让我跑了三次，每次说法都不一样。", "case_no": case["case_no"]}
    bad = walk.call("POST", "/v1/complaints", {**words, "title": "<script>x</script>", "text": "长" * 10_000}, status=422, headers=key())
    one = walk.call("POST", "/v1/complaints", {**words, "conversation_id": said["conversation_id"]}, status=201, headers=key())
    path = f"/world/core/complaints/{one['id']}/moves"
    walk.world("POST", path, {"to": "assigned", "department": "临江市政务服务中心"})
    walk.world("POST", path, {"to": "replied", "text": "已约谈窗口人员，材料以一次性告知为准。"})
    seen = walk.until(lambda: in_state(walk, one["id"], "replied"), "投诉的答复")
    walk.call("POST", f"/v1/complaints/{one['id']}/satisfaction", {"grade": 4}, status=201, headers=key())
    walk.until(lambda: in_state(walk, one["id"], "closed"), "办结")
    (filed,) = [line for line in lines(walk) if line["kind"] == "complaint.filed"]
    walk.expect(filed["number"] == one["number"] and len(one["conversation"]) == 2, "核心平台恰好一件，对话一起带过去")
    walk.say(
        "从助手里投诉，对话一起带过去",
        f"助手：{said['replies'][0]['text']}",
        f"写错了一次说全：{'；'.join(wrong['message'] for wrong in bad['errors'])}",
        f"编号 {one['number']}（与 12345 共用），{seen['department']}答复：{seen['timeline'][-1]['text']}",
    )


def supervise(walk: Walk) -> None:
    """One's own page, what everybody may read, and what a supervisor sees; what nobody counted is unknown until somebody does."""
    home = walk.call("GET", "/v1/home")
    month = now().astimezone(BEIJING).strftime("%Y-%m")
    supervisor, public = staff(walk, "demo.supervision", "supervisor"), walk.call("GET", "/open/v1/figures")
    before = online(supervisor("GET", f"/staff/v1/supervision?month={month}"))
    walk.expect(before["value"] is None and "未知" in before["text"], "核心平台没有统计的，就是未知")
    walk.world("POST", "/world/core/window-cases", {"department": "临江市公安局", "month": month, "received": 40, "finished": 30})
    seen = walk.until(lambda: counted(supervisor("GET", f"/staff/v1/supervision?month={month}")), "核心平台统计以后的上网办理率", 30)
    after = online(seen)
    filed = [one for one in lines(walk) if one["kind"] == "case.submitted"]
    walk.expect(seen["received"] == len(filed) == after["numerator"], "收件数与核心平台的账一致")
    walk.say(
        "我的主页、效能监督",
        f"主页：要办的 {home['to_do']['total']} 件，在办 {home['cases']['total']} 件，推荐："
        + "；".join(one["because"] for one in home["recommended"]["items"][:2]),
        f"上网办理率：{before['text']}；核心平台报了窗口件数以后：{after['text']}",
        f"本月收件 {seen['received']} 件，与核心平台的账一致；公开的指标 {len(public['figures'])} 项",
    )


def online(told: Json) -> Json:
    return next(one for one in told["figures"] if one["id"] == "applied_online")


def counted(told: Json) -> Json | None:
    """Counts are shared for some seconds."""
    return told if online(told)["value"] is not None else None


def in_state(walk: Walk, own: str, state: str) -> Json | None:
    found = walk.call("GET", f"/v1/complaints/{own}")
    return found if found["state"] == state else None


def told(walk: Walk, kind: str) -> Json | None:
    rows: list[Json] = walk.call("GET", "/v1/messages?limit=50")["items"]
    return next((one for one in rows if one["kind"] == kind), None)


def today() -> str:
    """Soon, and still today."""
    at = now().astimezone(BEIJING)
    return min(at + timedelta(minutes=30), at.replace(hour=23, minute=59, second=30)).isoformat(timespec="seconds")


def became(walk: Walk, own: str, *states: str) -> Json | None:
    found = walk.call("GET", f"/v1/appointments/{own}")
    return found if found["state"] in states else None


def lines(walk: Walk) -> list[Json]:
    entries: list[Any] = walk.world("GET", "/world/ledger/core")["entries"]
    return entries
