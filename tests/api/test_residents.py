"""One person on two channels over HTTP: linked by a code and their own word, told of it everywhere, taken apart again."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.persons import confirm, grant, link, on_alipay, step_up


async def notices(resident: Resident) -> list[Json]:
    return [one for one in await resident.inbox() if one["kind"] == "account_changed"]


async def test_two_channels_become_one_person_who_sees_the_same_cases(house: House) -> None:
    here = await make_resident(house)
    case_no = await here.case()
    there = await on_alipay(here)
    draft = await there.draft()
    assert (await there.api("GET", f"/v1/cases/{case_no}")).status == 404
    shown = await here.api("POST", "/v1/me/links", {})
    assert shown.status == 201 and re.fullmatch(r"[2-9A-HJKMNP-Z]{6}", shown.json["code"])
    done = await link(here, there)
    assert (done.status, done.json["state"]) == (200, "confirmed")
    assert (await there.api("GET", f"/v1/cases/{case_no}")).status == 200
    assert (await there.api("GET", "/v1/me")).json["real_name"] is True
    links = (await there.api("GET", "/v1/me/links")).json["items"]
    assert {(one["channel"], one["mine"]) for one in links} == {("wechat", False), ("alipay", True)}
    assert all(re.fullmatch(r"\*{4}.{4}", one["account"]) for one in links)
    assert (await there.api("GET", f"/v1/drafts/{draft['id']}")).status == 200
    for one in (here, there):
        (told,) = await until(partial(notices, one))
        assert "支付宝" in told["text"] and "合并" in told["text"] and told["case_no"] is None


async def test_a_change_is_pushed_where_there_is_consent(house: House) -> None:
    here = await make_resident(house)
    await here.consent()
    await link(here, await on_alipay(here))

    async def sent() -> bool:
        return any(one["channel"] == "wechat" and one["outcome"] == "sent" for row in await notices(here) for one in row["channels"])

    await until(sent)


async def test_a_link_waits_for_the_person_and_belongs_to_whoever_entered_the_code(house: House) -> None:
    here, stranger = await make_resident(house), await make_resident(house)
    there = await on_alipay(here)
    code = (await here.api("POST", "/v1/me/links", {})).json["code"]
    started = await there.api("POST", "/v1/me/links/redeem", {"code": code})
    assert (started.status, started.json["other"]["channel"]) == (202, "wechat")
    path = f"/v1/me/links/redeem/{started.json['challenge']}"
    assert (await there.api("POST", path, {})).json["state"] == "pending"
    assert (await stranger.api("POST", path, {})).json["code"] == "challenge_unknown"
    assert (await there.api("POST", "/v1/me/links/redeem", {"code": code})).json["code"] == "link_code_refused"
    await house.world("POST", f"/world/people/{here.person['person']}/refuse-real-name", {})
    assert (await there.api("POST", path, {})).json["code"] == "identity_not_confirmed"
    assert (await there.api("GET", "/v1/me")).json["real_name"] is False


async def test_unbinding_needs_a_step_up_ends_the_sessions_and_is_told_on_both_sides(house: House) -> None:
    here = await make_resident(house)
    there = await on_alipay(here)
    await link(here, there)
    gone = next(one for one in (await here.api("GET", "/v1/me/links")).json["items"] if not one["mine"])
    path = f"/v1/me/links/{gone['resident_id']}"
    assert (await here.api("DELETE", path)).json["code"] == "step_up_needed"
    await step_up(here)
    assert (await here.api("DELETE", path)).status == 204
    assert (await there.api("GET", "/v1/me")).status == 401, "at once, though the session was hot"
    assert (await here.api("DELETE", path)).json["code"] == "link_unknown"
    await there.log_in()
    assert (await there.api("GET", "/v1/me")).json["real_name"] is False
    for one in (here, there):
        await until(partial(has_notice, one, "解除关联"))
    assert len((await here.api("GET", "/v1/me/links")).json["items"]) == 1
    await link(here, there)
    assert (await there.api("GET", "/v1/me")).json["real_name"] is True


async def has_notice(resident: Resident, words: str) -> bool:
    return any(words in one["text"] for one in await notices(resident))


async def test_linking_at_the_same_time_from_both_sides_makes_one_person(house: House) -> None:
    here = await make_resident(house)
    there = await on_alipay(here)
    codes = [(await one.api("POST", "/v1/me/links", {})).json["code"] for one in (here, there)]
    started = [await one.api("POST", "/v1/me/links/redeem", {"code": code}) for one, code in ((there, codes[0]), (here, codes[1]))]
    await confirm(here)
    finish = [one.api("POST", f"/v1/me/links/redeem/{begun.json['challenge']}", {}) for one, begun in zip((there, here), started, strict=True)]
    assert [one.json["state"] for one in await asyncio.gather(*finish)] == ["confirmed", "confirmed"]
    assert len(await until(partial(notices, here))) == 1


async def test_a_person_acts_for_an_enterprise_until_the_core_says_no(house: House) -> None:
    resident = await make_resident(house)
    company = await house.world("POST", f"/world/people/{resident.person['person']}/enterprises", {"name": "云帆商贸有限公司"})
    listed = (await resident.api("GET", "/v1/me/subjects")).json["items"]
    assert [(one["kind"], one["current"]) for one in listed] == [("self", True), ("enterprise", False)]
    chosen = await resident.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": company["uscc"]})
    assert chosen.status == 200 and chosen.json["name"] == "云帆商贸有限公司" and chosen.json["relation"] == "legal_representative"
    listed = (await resident.api("GET", "/v1/me/subjects")).json["items"]
    assert [(one["kind"], one["current"]) for one in listed] == [("self", False), ("enterprise", True)]
    other = await make_resident(house)
    refused = await other.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": company["uscc"]})
    assert (refused.status, refused.json["code"]) == (403, "subject_refused")
    assert (await resident.api("POST", "/v1/me/subject", {"kind": "self"})).json["current"] is True


async def test_an_agents_next_request_after_the_end_of_the_grant_does_nothing(house: House) -> None:
    giver, agent = await make_resident(house), await make_resident(house)
    grant_id = await grant(giver, agent, until=next_month())
    received = (await agent.api("GET", "/v1/me/grants")).json["received"]
    assert [(one["id"], one["state"], one["purposes"]) for one in received] == [(grant_id, "accepted", "all")]
    assert "*" in received[0]["name"] and giver.person["name"] not in received[0]["name"]
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": grant_id})).status == 200
    assert (await agent.api("GET", "/v1/drafts")).status == 200
    for _ in range(2):
        assert (await giver.api("DELETE", f"/v1/me/grants/{grant_id}")).status == 204
    stopped = await agent.api("POST", "/v1/drafts", {"item_code": "whatever"})
    assert (stopped.status, stopped.json["code"]) == (403, "subject_ended")
    current = next(one for one in (await agent.api("GET", "/v1/me/subjects")).json["items"] if one["current"])
    assert current["kind"] == "self" and (await agent.api("GET", "/v1/drafts")).status == 200
    for one in (giver, agent):
        await until(partial(has_notice, one, "已经解除"))


async def test_a_grant_asks_for_a_step_up_and_says_everything_that_is_wrong(house: House) -> None:
    giver = await make_resident(house)
    own = {"name": giver.person["name"], "id_number": giver.person["id_number"]}
    wish = {**own, "purposes": ["apply"], "until": "2020-01-01"}
    assert (await giver.api("POST", "/v1/me/grants", wish)).json["code"] == "step_up_needed"
    await step_up(giver)
    wrong = await giver.api("POST", "/v1/me/grants", wish)
    assert wrong.status == 422 and {one["field"] for one in wrong.json["errors"]} == {"id_number", "until"}
    wrong_ones: list[Json] = [{"purposes": []}, {"purposes": ["everything"]}, {"until": "soon"}, {"until": "2027-01-01T00:00:00"}]
    for bad in wrong_ones:
        assert (await giver.api("POST", "/v1/me/grants", {**wish, **bad})).status == 422


async def test_a_guardian_acts_for_a_child_after_agreeing_to_the_text(house: House) -> None:
    guardian = await make_resident(house)
    ward = await house.world("POST", f"/world/people/{guardian.person['person']}/wards", {})
    chosen = await guardian.api("POST", "/v1/me/subject", {"kind": "guardian", "id": ward["person"]})
    assert chosen.status == 200 and chosen.json["relation"] == "子女" and ward["name"] not in chosen.json["name"]
    text = next(one for one in (await house.api("GET", "/v1/policies")).json["items"] if one["purpose"] == "minor")
    agreed = {"purpose": "minor", "version": text["version"], "text_hash": text["text_hash"], "ward": ward["person"]}
    (kept,) = (await guardian.api("POST", "/v1/me/consents", agreed)).json["items"]
    assert (kept["ward"], kept["current"]) == (ward["person"], True)
    stranger = await make_resident(house)
    assert (await stranger.api("POST", "/v1/me/consents", agreed)).json["code"] == "subject_refused"
    assert (await stranger.api("POST", "/v1/me/subject", {"kind": "guardian", "id": ward["person"]})).json["code"] == "subject_refused"


async def test_while_the_core_is_away_nobody_is_told_they_may_not(house: House) -> None:
    resident = await make_resident(house)
    await house.faults(core={"down": True})
    away = await resident.api("GET", "/v1/me/subjects")
    assert (away.status, away.json["code"], away.json["retryable"]) == (503, "core_unavailable", True)


def next_month() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
