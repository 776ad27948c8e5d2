"""The core's contract as the sandbox keeps it: its door, cases, challenges and items."""

import asyncio
import secrets
import time
from typing import Any

import aiohttp
import pytest

from core.types import Case, Challenge, ChallengeState, CoreEvent, ItemPage
from tests.sandbox.outside import Outside, Reply


def refusal(reply: Reply) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert reply.kind.startswith("application/problem+json"), reply
    assert reply.json["status"] == reply.status and reply.json["title"]
    assert reply.json["retryable"] is (reply.status >= 500)
    return reply.status, reply.json["code"]


# the door


async def test_a_signed_call_is_let_in(outside: Outside) -> None:
    assert (await outside.core("GET", "/items?limit=1")).status == 200


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret": "not the secret"}, "bad_signature"),
        ({"signature": ""}, "bad_signature"),
        ({"signature": "sha256=" + "0" * 64}, "bad_signature"),
        ({"client": "somebody"}, "bad_signature"),
        ({"timestamp": "yesterday"}, "stale_timestamp"),
        ({"nonce": "short"}, "nonce_replayed"),
    ],
)
async def test_a_call_that_is_not_signed_as_agreed_is_refused(outside: Outside, wrong: dict[str, str], code: str) -> None:
    assert refusal(await outside.core("GET", "/items?limit=1", **wrong)) == (401, code)


@pytest.mark.parametrize(("away", "allowed"), [(-302, False), (-290, True), (290, True), (302, False)])
async def test_a_signature_is_good_for_300_seconds_either_way(outside: Outside, away: int, allowed: bool) -> None:
    reply = await outside.core("GET", "/items?limit=1", timestamp=str(int(time.time()) + away))
    assert reply.status == 200 if allowed else refusal(reply) == (401, "stale_timestamp")


async def test_a_nonce_is_good_once_and_a_refused_call_spends_none(outside: Outside) -> None:
    nonce = secrets.token_hex(8)
    assert (await outside.core("GET", "/items?limit=1", nonce=nonce, secret="wrong")).status == 401
    assert (await outside.core("GET", "/items?limit=1", nonce=nonce)).status == 200
    assert refusal(await outside.core("GET", "/items?limit=1", nonce=nonce)) == (401, "nonce_replayed")


async def test_method_path_query_and_body_are_all_signed(outside: Outside) -> None:
    path, body = "/core/v1/identity/challenges", b'{"name":"a","id_number":"b","channel":"wechat"}'
    for signed in (("GET", path, body), ("POST", path + "?x=1", body), ("POST", path, body + b" ")):
        reply = await outside.call("POST", path, raw=body, headers=outside.core_headers(*signed))
        assert refusal(reply) == (401, "bad_signature")
    assert (await outside.call("POST", path, raw=body, headers=outside.core_headers("POST", path, body))).status == 202


# cases


async def test_a_submission_becomes_a_case(outside: Outside) -> None:
    person = await outside.person()
    body = await outside.submission(person)
    made = await outside.submit(body)
    case = Case.model_validate_json(made.body)
    assert made.status == 201
    assert (case.state, case.version, case.request_id, case.item_code) == ("submitted", 1, body["request_id"], body["item_code"])
    assert [(move.version, move.state) for move in case.timeline] == [(1, "submitted")]
    beijing = time.strftime("%Y%m%d", time.gmtime(time.time() + 8 * 3600))
    assert case.case_no.startswith(body["item_code"][:31] + beijing)
    assert len(case.case_no) >= 31 + 8 + 4
    assert (await outside.core("GET", f"/cases/{case.case_no}")).json == made.json
    assert not [event for event in await outside.all_events() if event["case_no"] == case.case_no]


async def test_the_same_submission_again_is_the_same_case(outside: Outside) -> None:
    body = await outside.submission(await outside.person())
    first, second = await outside.submit(body), await outside.submit(dict(reversed(body.items())))
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    filed = [one for one in await outside.ledger("core") if one["kind"] == "case.submitted" and one["request_id"] == body["request_id"]]
    assert len(filed) == 1


async def test_the_same_submission_sent_many_times_at_once_is_one_case(outside: Outside) -> None:
    body = await outside.submission(await outside.person())
    replies = await asyncio.gather(*(outside.submit(body) for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.json["case_no"] for reply in replies}) == 1


async def test_other_content_under_the_same_request_id_is_refused(outside: Outside) -> None:
    body = await outside.submission(await outside.person())
    first = await outside.submit(body)
    assert refusal(await outside.submit(body | {"answers": {"reason": "损坏"}})) == (422, "request_id_reused")
    assert (await outside.core("GET", f"/cases?request_id={body['request_id']}")).json == {"cases": [first.json]}


async def test_different_submissions_get_different_case_numbers(outside: Outside) -> None:
    person = await outside.person()
    assert len({(await outside.case(person))["case_no"] for _ in range(3)}) == 3


async def test_a_lost_reply_leaves_exactly_one_case_to_be_found(outside: Outside) -> None:
    body = await outside.submission(await outside.person())
    async with outside.faults(core={"lose_replies": True}):
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await outside.submit(body)
    found = (await outside.core("GET", f"/cases?request_id={body['request_id']}")).json["cases"]
    assert [one["request_id"] for one in found] == [body["request_id"]]
    again = await outside.submit(body)
    assert (again.status, again.json) == (200, found[0])


async def test_a_request_id_never_seen_has_no_case(outside: Outside) -> None:
    assert (await outside.core("GET", "/cases?request_id=never")).json == {"cases": []}
    assert (await outside.core("GET", "/cases")).json == {"cases": []}
    assert refusal(await outside.core("GET", "/cases/never")) == (404, "unknown_case")


@pytest.mark.parametrize("switch", [{"down": True}, {"error_rate": 1.0}])
async def test_a_core_that_is_down_or_in_error_files_nothing_and_says_try_again(outside: Outside, switch: Any) -> None:
    body = await outside.submission(await outside.person())
    async with outside.faults(core=switch):
        refused = await outside.submit(body)
        assert (refused.status, refused.json["retryable"]) == (503 if "down" in switch else 500, True)
    assert (await outside.core("GET", f"/cases?request_id={body['request_id']}")).json == {"cases": []}
    assert (await outside.submit(body)).status == 201


async def test_a_fault_hits_only_its_party(outside: Outside) -> None:
    async with outside.faults(core={"down": True}, alipay={"error_rate": 1.0}):
        assert (await outside.alipay("alipay.system.oauth.token", grant_type="authorization_code", code="x")).status == 500
        assert (await outside.core("GET", "/items")).status == 503
        assert "openid" in await outside.log_in(await outside.wechat_code(await outside.person()))
    assert (await outside.core("GET", "/items")).status == 200


async def test_latency_delays_the_answer(outside: Outside) -> None:
    async with outside.faults(core={"latency_ms": 120}):
        before = time.monotonic()
        assert (await outside.core("GET", "/items?limit=1")).status == 200
        assert time.monotonic() - before >= 0.12


@pytest.mark.parametrize(
    "wrong",
    [{"bank": {}}, {"core": {"explode": True}}, {"core": {"down": "yes"}}, {"core": {"error_rate": 2}}, {"core": {"latency_ms": -1}}, {"core": 1}],
)
async def test_a_switch_that_does_not_exist_or_fit_changes_nothing(outside: Outside, wrong: Any) -> None:
    before = await outside.world("GET", "/faults")
    reply = await outside.call("PUT", "/world/faults", {"wechat": {"down": True}} | wrong)
    assert (reply.status, reply.json["code"]) == (422, "bad_request") and reply.json["errors"]
    assert await outside.world("GET", "/faults") == before


async def test_an_unknown_item_is_refused(outside: Outside) -> None:
    body = await outside.submission(await outside.person(), item_code="nothing")
    assert refusal(await outside.submit(body)) == (404, "unknown_item")


@pytest.mark.parametrize("change", [{"person_id": "P0"}, {"name": "另一人"}, {"id_number": "990100199001010000"}, {"person_id": None}])
async def test_an_applicant_the_core_does_not_know_by_that_name_and_number_is_refused(outside: Outside, change: Any) -> None:
    person = await outside.person()
    body = await outside.submission(person)
    body["applicant"] |= change
    assert refusal(await outside.submit(body)) == (422, "unknown_applicant")
    assert (await outside.core("GET", f"/cases?request_id={body['request_id']}")).json == {"cases": []}


@pytest.mark.parametrize("missing", ["item_code", "item_version", "applicant", "answers", "materials", "channel"])
async def test_a_submission_without_a_part_is_refused_and_the_part_named(outside: Outside, missing: str) -> None:
    body = await outside.submission(await outside.person())
    del body[missing]
    reply = await outside.submit(body)
    assert refusal(reply) == (422, "bad_request")
    assert reply.json["errors"] == [missing]


@pytest.mark.parametrize("key", [None, "another"])
async def test_the_idempotency_key_is_the_request_id(outside: Outside, key: str | None) -> None:
    body = await outside.submission(await outside.person())
    assert refusal(await outside.core("POST", "/cases", body, key=key)) == (422, "bad_request")


# challenges


async def challenge(outside: Outside, name: str, number: str) -> Reply:
    return await outside.core("POST", "/identity/challenges", {"name": name, "id_number": number, "channel": "wechat"})


async def look(outside: Outside, started: Reply) -> Challenge:
    return Challenge.model_validate_json((await outside.core("GET", f"/identity/challenges/{started.json['challenge']}")).body)


async def test_a_pair_that_does_not_exist_gets_the_same_answer_as_one_that_does(outside: Outside) -> None:
    person = await outside.person()
    right = await challenge(outside, person["name"], person["id_number"])
    wrongs = [await challenge(outside, "无此人", person["id_number"]), await challenge(outside, person["name"], "990100199001010000")]
    for reply in [right, *wrongs]:
        assert reply.status == 202
        assert {key: reply.json[key] for key in ("state", "method", "person_id")} == {"state": "pending", "method": "phone", "person_id": None}
        assert (set(reply.json), len(reply.body)) == (set(right.json), len(right.body))
        seen = await look(outside, reply)
        assert (seen.state, seen.person_id) == (ChallengeState.PENDING, None)
        assert 14 * 60 < seen.expires_at.timestamp() - time.time() <= 15 * 60


async def test_only_the_right_person_can_approve(outside: Outside) -> None:
    person, other = await outside.person(), await outside.person()
    right = await challenge(outside, person["name"], person["id_number"])
    wrong = await challenge(outside, other["name"], person["id_number"])
    assert await outside.world("POST", f"/people/{other['person']}/approve-real-name") == {"approved": 0}
    assert (await look(outside, right)).state == ChallengeState.PENDING
    assert await outside.world("POST", f"/people/{person['person']}/approve-real-name") == {"approved": 1}
    seen = await look(outside, right)
    assert (seen.state, seen.person_id) == (ChallengeState.APPROVED, person["person"])
    assert (await look(outside, wrong)).state == ChallengeState.PENDING


async def test_a_refused_challenge_tells_nobody_and_cannot_be_approved_later(outside: Outside) -> None:
    person = await outside.person()
    started = await challenge(outside, person["name"], person["id_number"])
    assert await outside.world("POST", f"/people/{person['person']}/refuse-real-name") == {"refused": 1}
    assert await outside.world("POST", f"/people/{person['person']}/approve-real-name") == {"approved": 0}
    seen = await look(outside, started)
    assert (seen.state, seen.person_id) == (ChallengeState.REFUSED, None)


async def test_a_challenge_expires_after_15_minutes_and_cannot_be_approved_then(outside: Outside) -> None:
    person = await outside.person()
    started = await challenge(outside, person["name"], person["id_number"])
    await outside.pass_time(14 * 60)
    assert (await look(outside, started)).state == ChallengeState.PENDING
    await outside.pass_time(61)
    assert (await look(outside, started)).state == ChallengeState.EXPIRED
    assert await outside.world("POST", f"/people/{person['person']}/approve-real-name") == {"approved": 0}
    assert (await look(outside, started)).state == ChallengeState.EXPIRED


async def test_an_approval_before_the_end_outlives_it(outside: Outside) -> None:
    person = await outside.person()
    started = await challenge(outside, person["name"], person["id_number"])
    await outside.world("POST", f"/people/{person['person']}/approve-real-name")
    await outside.pass_time(16 * 60)
    assert (await look(outside, started)).state == ChallengeState.APPROVED


async def test_an_unknown_challenge_or_an_incomplete_one_is_refused(outside: Outside) -> None:
    assert refusal(await outside.core("GET", "/identity/challenges/never")) == (404, "unknown_challenge")
    incomplete = await outside.core("POST", "/identity/challenges", {"name": "王小明", "id_number": 5})
    assert refusal(incomplete) == (422, "bad_request")
    assert incomplete.json["errors"] == ["id_number", "channel"]


async def test_a_number_given_with_a_small_x_is_the_same_number(outside: Outside) -> None:
    number = next(first + "X" for day in range(10, 29) for first in [f"990100199001{day}111"] if check(first) == "X")
    person = await outside.person(id_number=number.lower())
    assert person["id_number"] == number
    assert (await outside.call("POST", "/world/people", {"id_number": number})).status == 409
    await challenge(outside, person["name"], number)
    assert await outside.world("POST", f"/people/{person['person']}/approve-real-name") == {"approved": 1}


def check(first: str) -> str:
    return "10X98765432"[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(first)) % 11]


# items


async def changes(outside: Outside, cursor: str, limit: int = 500) -> tuple[list[Any], str]:
    """Everything since the cursor, page by page."""
    records: list[Any] = []
    while True:
        page = (await outside.core("GET", f"/items?cursor={cursor}&limit={limit}")).json
        ItemPage.model_validate(page)
        records, cursor = records + page["records"], page["next_cursor"]
        if not page["has_more"]:
            return records, cursor
        assert len(page["records"]) == limit


async def test_the_feed_gives_every_item_once_in_order_on_pages_of_any_size(outside: Outside) -> None:
    whole, end = await changes(outside, "")
    small, same_end = await changes(outside, "", 7)
    assert small == whole and same_end == end
    assert len(whole) > 40
    assert [one["seq"] for one in whole] == sorted({one["seq"] for one in whole})
    assert len({one["code"] for one in whole}) == len(whole)
    assert await changes(outside, end) == ([], end)


async def test_a_changed_item_comes_with_a_new_version_and_seq_and_no_longer_at_its_old_place(outside: Outside) -> None:
    code = f"T{secrets.token_hex(6)}"
    await outside.world("POST", "/core/items", {"code": code, "name": "某事项", "department": {"name": "某局"}})
    whole, cursor = await changes(outside, "")
    (first,) = [one for one in whole if one["code"] == code]
    await outside.world("POST", "/core/items", {"code": code, "name": "某事项（新）", "department": {"name": "某局"}})
    since, later = await changes(outside, cursor)
    assert [(one["code"], one["op"], one["version"], one["item"]["version"], one["item"]["name"]) for one in since] == [
        (code, "upsert", 2, 2, "某事项（新）")
    ]
    assert (first["version"], first["item"]["version"]) == (1, 1)
    assert since[0]["seq"] > first["seq"] and since[0]["batch"] != first["batch"]
    assert [one["seq"] for one in (await changes(outside, ""))[0] if one["code"] == code] == [since[0]["seq"]]
    await outside.world("POST", "/core/items", {"code": code, "name": "某事项（新）", "department": {"name": "某局"}})
    assert await changes(outside, later) == ([], later)  # the same again is no change


async def test_a_removed_item_leaves_a_tombstone_and_may_come_back(outside: Outside) -> None:
    code, item = f"T{secrets.token_hex(6)}", {"name": "某事项", "department": {"name": "某局"}}
    await outside.world("POST", "/core/items", {"code": code} | item)
    body = await outside.submission(await outside.person(), item_code=code)
    _, cursor = await changes(outside, "")
    await outside.world("DELETE", f"/core/items/{code}")
    (gone,), cursor = await changes(outside, cursor)
    assert (gone["op"], gone["code"], gone["version"], gone["item"]) == ("remove", code, 2, None)
    assert refusal(await outside.submit(body)) == (404, "unknown_item")
    assert (await outside.call("DELETE", f"/world/core/items/{code}")).status == 404
    await outside.world("POST", "/core/items", {"code": code} | item)
    (back,), _ = await changes(outside, cursor)
    assert (back["op"], back["version"]) == ("upsert", 3)


async def test_a_raw_record_goes_into_the_feed_unchecked(outside: Outside) -> None:
    code = f"T{secrets.token_hex(6)}"
    _, cursor = await changes(outside, "")
    seq = (await outside.world("POST", "/core/items/raw", {"code": code, "item": {"name": 5}, "seq": 1}))["seq"]
    (raw,), _ = await changes(outside, cursor)
    assert (raw["seq"], raw["code"], raw["item"]) == (seq, code, {"name": 5})


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=many", "cursor=x", "limit=-1"])
@pytest.mark.parametrize("feed", ["items", "events"])
async def test_a_cursor_or_limit_that_was_never_given_is_refused(outside: Outside, feed: str, query: str) -> None:
    assert refusal(await outside.core("GET", f"/{feed}?{query}")) == (422, "bad_cursor")


# moves and the pull feed


async def test_every_move_is_an_event_and_the_feed_is_read_on_from_a_cursor(outside: Outside) -> None:
    before = (await outside.all_events() or [{"seq": 0}])[-1]["seq"]
    case = await outside.case()
    for to in ("accepted", "approved", "issued"):
        assert (await outside.move(case, to, text=f"到{to}")).status == 200
    first = (await outside.core("GET", f"/events?cursor={before or ''}&limit=2")).json
    rest = (await outside.core("GET", f"/events?cursor={first['next_cursor']}&limit=2")).json
    assert (first["has_more"], rest["has_more"]) == (True, False)
    events = [CoreEvent.model_validate(one) for one in first["events"] + rest["events"]]
    assert [(one.move.version, one.move.state, one.move.text) for one in events] == [
        (2, "accepted", "到accepted"),
        (3, "approved", "到approved"),
        (4, "issued", "到issued"),
    ]
    assert {(one.case_no, one.request_id) for one in events} == {(case["case_no"], case["request_id"])}
    assert len({one.event_id for one in events}) == 3
    assert [one.seq for one in events] == sorted({one.seq for one in events})
    end = rest["next_cursor"]
    assert (await outside.core("GET", f"/events?cursor={end}")).json == {"events": [], "next_cursor": end, "has_more": False}
    now = Case.model_validate_json((await outside.core("GET", f"/cases/{case['case_no']}")).body)
    assert (now.state, now.version, len(now.timeline)) == ("issued", 4, 4)


MOVES = {
    "submitted": {"accepted", "corrections", "rejected"},
    "accepted": {"corrections", "special_procedure", "approved", "rejected", "issued"},
    "special_procedure": {"accepted", "approved", "rejected"},
    "corrections": {"accepted", "approved", "rejected"},
    "approved": {"issued"},
    "rejected": set(),
    "issued": set(),
}
WAY = {
    "submitted": [],
    "accepted": ["accepted"],
    "special_procedure": ["accepted", "special_procedure"],
    "corrections": ["corrections"],
    "approved": ["accepted", "approved"],
    "rejected": ["rejected"],
    "issued": ["accepted", "approved", "issued"],
}


@pytest.mark.parametrize("state", MOVES)
async def test_a_move_that_is_not_allowed_is_refused_naming_the_allowed_ones(outside: Outside, state: str) -> None:
    case = await outside.case()
    for step in WAY[state]:
        assert (await outside.move(case, step)).status == 200
    count = len(await outside.all_events())
    for to in {"accepted", "corrections", "special_procedure", "approved", "rejected", "issued", "withdrawn"} - MOVES[state]:
        reply = await outside.move(case, to)
        assert refusal(reply) == (409, "move_not_allowed")
        named = {one for one in MOVES if f"（{one}）" in reply.json["title"]}
        assert named == MOVES[state]
        assert "可做的操作" in reply.json["title"]
    assert len(await outside.all_events()) == count
    for to in sorted(MOVES[state])[:1]:
        assert (await outside.move(case, to)).json["state"] == to


async def test_findings_are_told_in_the_event(outside: Outside) -> None:
    case = await outside.case()
    findings = [{"target": "material", "name": "申请表", "problem": "未签名", "fix": "请签名后重新提交"}, {"problem": "不清楚"}]
    await outside.move(case, "corrections", findings=findings)
    (event,) = [CoreEvent.model_validate(one) for one in await outside.all_events() if one["case_no"] == case["case_no"]]
    assert [(one.target, one.name, one.problem, one.fix) for one in event.move.findings] == [
        ("material", "申请表", "未签名", "请签名后重新提交"),
        ("case", "", "不清楚", ""),
    ]


@pytest.mark.parametrize(
    "move",
    [
        {"to": "heaven"},
        {"to": None},
        {"to": ["accepted"]},
        {"to": {}},
        {"to": "corrections", "findings": [{"problem": ""}]},
        {"to": "corrections", "findings": "未签名"},
        {"to": "corrections", "findings": [{"problem": "x", "target": "moon"}]},
        {"to": "corrections", "findings": [{"problem": "x", "name": 5}]},
        {"to": "corrections", "findings": [{"problem": "x"}] * 51},
    ],
)
async def test_a_move_nobody_understands_is_refused_and_moves_nothing(outside: Outside, move: Any) -> None:
    case = await outside.case()
    reply = await outside.move(case, **move)
    assert refusal(reply) == (422, "bad_request") and reply.json["errors"]
    assert (await outside.core("GET", f"/cases/{case['case_no']}")).json == case


async def test_an_unknown_case_cannot_be_moved(outside: Outside) -> None:
    assert refusal(await outside.move({"case_no": "never"}, "accepted")) == (404, "unknown_case")


async def test_a_finding_may_be_a_plain_sentence(outside: Outside) -> None:
    case = await outside.case()
    reply = await outside.call("POST", f"/world/core/cases/{case['case_no']}/moves", {"to": "corrections", "findings": ["照片不清晰"]})
    assert reply.status == 200
    assert reply.json["timeline"][-1]["findings"] == [{"target": "case", "name": "", "problem": "照片不清晰", "fix": ""}]
