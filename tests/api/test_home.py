"""The personal page and the enterprise page: what waits, what is open, what may be of use, and a core that is away takes only its own parts."""

from datetime import timedelta

from kit.clock import BEIJING, now
from tests.api.applying import core_is_back, licence, upload
from tests.api.house import House, Json, Resident, make_resident, until
from tests.api.mailing import make_mail
from tests.api.persons import grant

PARTS = ("to_do", "cases", "licences", "bills", "appointments", "parcels", "complaints", "materials", "recommended", "accesses")


async def page(resident: Resident) -> Json:
    answer = await resident.api("GET", "/v1/home")
    assert answer.status == 200, answer.body
    return answer.json


async def born(house: House, day: str = "1985-05-05") -> Resident:
    """Of an age at which nothing is recommended by itself, if nothing is said."""
    resident = Resident(house, await house.world("POST", "/world/people", {"born": day}))
    await resident.log_in()
    await resident.bind()
    return resident


def in_days(days: int) -> str:
    return (now() + timedelta(days=days)).date().isoformat()


def years_ago(years: int) -> str:
    day = now() - timedelta(days=20)
    return day.replace(year=day.year - years, day=min(day.day, 28)).date().isoformat()


async def soon_over(resident: Resident) -> None:
    noon = now().astimezone(BEIJING).replace(hour=12) + timedelta(days=40)
    await licence(resident.house, resident.person["person"], "居民身份证", expires_at=noon.isoformat())


async def test_before_real_name_the_page_says_what_is_missing_and_is_no_error(house: House) -> None:
    resident = await make_resident(house, bound=False)
    told = await page(resident)
    assert [one["what"] for one in told["missing"]] == ["real_name"] and told["acting_as"] is None
    assert all(told[name]["items"] == [] for name in PARTS) and told["unread"] == 0
    assert "实名" in told["cases"]["withheld"] and told["materials"]["withheld"] is None


async def test_open_cases_corrections_and_bills_are_told_the_soonest_first(house: House) -> None:
    resident = await make_resident(house)
    case_no = await resident.case()
    await house.move(case_no, "accepted")
    await house.move(case_no, "corrections", findings=[{"target": "material", "name": "照片", "problem": "不清晰", "fix": "重拍"}])
    await house.world("POST", f"/world/core/cases/{case_no}/bills", {"amount_fen": 2000})

    async def there() -> Json:
        told = await page(resident)
        return told if {"correction", "bill"} <= {one["kind"] for one in told["to_do"]["items"]} else None

    told = await until(there)
    (case,) = told["cases"]["items"]
    assert (case["case_no"], case["state"], case["state_text"]) == (case_no, "corrections", "待补正") and "补正" in case["next_step"]
    assert told["bills"]["items"][0]["amount_fen"] == 2000 and told["bills"]["as_of"] is None
    due = [one["due_at"] for one in told["to_do"]["items"]]
    assert [one for one in due if one] == sorted(one for one in due if one) and None not in due[: sum(one is not None for one in due)]
    assert {"rating"} <= {one["kind"] for one in told["to_do"]["items"]}, "it was accepted, and may be rated"
    assert told["missing"] == [] and told["unread"] >= 1
    stranger = await make_resident(house)
    theirs = await page(stranger)
    assert all(theirs[name]["items"] == [] for name in ("to_do", "cases", "bills"))


async def test_a_stage_nobody_wants_to_rate_is_not_asked_for(house: House) -> None:
    resident = (mail := await make_mail(house, to="accepted")).resident

    def asked(told: Json) -> list[Json]:
        return [one for one in told["to_do"]["items"] if one["kind"] == "rating"]

    assert len(asked(await page(resident))) == 1
    refused = await resident.api("POST", f"/v1/cases/{mail.case_no}/rating/decline", {"stage": "acceptance"})
    assert refused.status < 300, refused.body
    assert asked(await page(resident)) == []


async def test_a_parcel_on_its_way_and_a_saved_file_are_on_the_page(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.asked()
    own = await upload(mail.resident)
    told = await page(mail.resident)
    assert [one["id"] for one in told["parcels"]["items"]] == [parcel["id"]]
    assert [(one["kind"], one["id"], one["used"]) for one in told["materials"]["items"]] == [("file", own, False)]


async def test_a_licence_that_ends_soon_comes_first_and_its_renewal_is_recommended_with_its_reason(house: House) -> None:
    resident = await born(house)
    await licence(house, resident.person["person"], "不动产权证书")
    await soon_over(resident)
    told = await page(resident)
    first, other = told["licences"]["items"]
    assert (first["type"], first["days_left"], first["expiring"]) == ("居民身份证", 40, True) and other["days_left"] is None
    (one,) = told["recommended"]["items"]
    assert one["name"] == "居民身份证换领" and one["because"].startswith("因为您的") and "还有40天" in one["because"]
    assert (await house.api("GET", f"/v1/items/{one['item_code']}/guide")).status == 200


async def test_a_recommendation_is_dismissed_for_good_all_are_switched_off_and_brought_back(house: House) -> None:
    resident = await born(house)
    await soon_over(resident)
    (one,) = (await page(resident))["recommended"]["items"]
    for _ in range(2):
        assert (await resident.api("DELETE", one["dismiss"])).status == 204
    assert (await page(resident))["recommended"]["items"] == []
    assert (await resident.api("DELETE", "/v1/home/recommended/no-such-rule")).json["code"] == "recommendation_unknown"
    assert (await resident.api("GET", "/v1/me/preferences")).json["recommendations_off"] == [one["rule"]]
    assert (await resident.api("PUT", "/v1/me/preferences", {"recommendations": False})).status == 200
    kept = (await resident.api("PUT", "/v1/me/preferences", {"channels": ["wechat"]})).json
    assert (kept["recommendations"], kept["recommendations_off"]) == (False, [one["rule"]]), "a client that does not know them changes neither"
    off = (await page(resident))["recommended"]
    assert (off["items"], off["off"]) == ([], True)
    await resident.api("PUT", "/v1/me/preferences", {"recommendations": True, "recommendations_off": []})
    assert [again["rule"] for again in (await page(resident))["recommended"]["items"]] == [one["rule"]]


async def test_a_core_that_is_away_takes_its_own_parts_and_leaves_the_rest(house: House) -> None:
    resident, other = await make_resident(house), await make_resident(house)
    case_no = await resident.case()
    await house.world("POST", f"/world/core/cases/{case_no}/bills", {"amount_fen": 1500})
    assert len((await resident.api("GET", "/v1/bills")).json["items"]) == 1
    await house.faults(core={"down": True})
    unknown = await page(other)
    assert unknown["licences"]["unavailable"] and unknown["licences"]["items"] == [] and unknown["cases"]["unavailable"] is None
    told = await page(resident)
    assert [one["case_no"] for one in told["cases"]["items"]] == [case_no] and told["cases"]["unavailable"] is None
    assert told["bills"]["as_of"] is not None and told["bills"]["items"][0]["amount_fen"] == 1500, "what was shown last, dated"
    await core_is_back(house, resident)


async def test_an_agent_sees_what_the_grant_is_for_and_nothing_else(house: House) -> None:
    giver, agent = await make_resident(house), await make_resident(house)
    await giver.case()
    grant_id = await grant(giver, agent, purposes=["licence"], until=in_days(30))
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": grant_id})).status == 200
    told = await page(agent)
    assert told["acting_as"] == "agent" and told["cases"]["items"] == [] and told["cases"]["withheld"]
    assert told["licences"]["withheld"] is None and told["accesses"]["withheld"] and told["recommended"]["withheld"]
    assert told["recommended"]["items"] == [], "what is known of the giver's age is nobody else's"


async def test_of_ones_age_and_of_ones_children_only_what_fits_is_recommended(house: House) -> None:
    parent = await born(house)
    for day in (years_ago(0), years_ago(9)):
        await house.world("POST", f"/world/people/{parent.person['person']}/wards", {"born": day})
    assert [(one["package"], one["because"][:8]) for one in (await page(parent))["recommended"]["items"]] == [("newborn", "因为您的孩子刚出"[:8])]
    old = (await page(await born(house, years_ago(60))))["recommended"]["items"]
    assert {one["package"] or one["name"] for one in old} == {"retirement", "老年人优待证申领"} and all("60岁" in one["because"] for one in old)


async def test_a_new_enterprise_has_its_own_page_and_is_told_what_comes_next(house: House) -> None:
    resident = await born(house)
    await resident.case()
    company = await house.world("POST", f"/world/people/{resident.person['person']}/enterprises", {})
    own = {"subject": company["uscc"], "issued_at": (now() - timedelta(days=5)).isoformat()}
    await licence(house, resident.person["person"], "营业执照", **own)
    assert (await resident.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": company["uscc"]})).status == 200
    told = await page(resident)
    assert (told["page"], told["acting_as"]) == ("enterprise", "enterprise") and told["cases"]["items"] == [], (
        "the person's case is not the enterprise's"
    )
    assert [one["type"] for one in told["licences"]["items"]] == ["营业执照"] and told["bills"]["withheld"]
    found = told["recommended"]["items"]
    assert "open-company" in {one["package"] for one in found} and all(one["because"].startswith("因为贵单位") for one in found)
