"""Everything that is held of somebody is theirs to take away, and goes with them: over a whole stack, every collection filled by real acts."""

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO

import pytest

from kit.clock import now
from kit.mongo import Mongo, connect
from miniapp_api import bot_misses
from miniapp_api.personal_data import COLLECTIONS
from miniapp_api.privacy import erasure
from miniapp_api.privacy.held import Whose
from miniapp_api.privacy.retention import due, forget_what_is_due
from miniapp_api.privacy.whose import whose_of
from tests.api.desk import make_desk
from tests.api.house import House, Resident, make_resident, until
from tests.api.planted import Planted, end_everything, everything_stored, found_in, inside, plant, upload
from tests.api.purse import Payer, due_now, make_payer

# Where the words of one resident are before they go, most of them sealed.
HOLDS = {"persons", "residents", "drafts", "cases", "case_acts", "files", "conversations", "bot_handovers", "refunds", "licence_uses"}


@pytest.fixture
async def database(house: House) -> AsyncIterator[Mongo]:
    """The stack's own."""
    own = connect(house.stack.env["MONGO_URL"], house.stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


async def finished(house: House, database: Mongo, erasure_id: str) -> None:
    """Both passes, the second without its minute of waiting."""

    async def done() -> bool:
        row = await database["erasures"].find_one({"_id": erasure_id}) or {}
        if row.get("step") == "again":
            await due_now(database, f"erase:{erasure_id}")
        return row.get("step") == "done"

    await until(done, 60)


async def test_an_export_holds_all_of_ones_own_and_nothing_of_anybody_elses(house: House, database: Mongo) -> None:
    one, other = await plant(house), await plant(house)
    early = await one.exported()
    told = json.loads(early[1])
    assert set(told["held"]) == set(COLLECTIONS)
    own = {what: word for what, word in one.canaries.items() if what not in ("agent", "chat")}  # another's number; dropped once it was answered
    assert found_in(early[1].decode(), own) == list(own)
    assert found_in(early[1].decode(), {**other.canaries, "agent of one": one.canaries["agent"]}) == []
    filled = {name for name, held in told["held"].items() if held["rows"]}
    expected = {name for name, held in COLLECTIONS.items() if any(part.shows for part in held.parts)}
    assert expected - filled == set()
    for what, ids in (("drafts", "item_code"), ("cases", "case_no"), ("orders", "payee"), ("identities", "account")):
        assert all(row[ids] for row in told["held"][what]["rows"])
    again = await one.resident.api("GET", "/v1/me/export")
    assert again.json["export"] == early[0]
    assert (await other.resident.api("GET", f"/v1/me/export/{early[0]}")).status == 404
    looked = (await one.resident.api("GET", "/v1/me/access-log")).json["items"]
    assert [(entry["by"], entry["what"]) for entry in looked] == [("本人", "导出全部个人信息")]


async def test_an_export_with_files_is_a_zip_with_the_very_bytes(house: House) -> None:
    one = await plant(house)
    _, packed = await one.exported("?files=true")
    with zipfile.ZipFile(BytesIO(packed)) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        (file,) = [name for name in names if name != "data.json"]
        assert file.endswith(f"{one.canaries['file']}.png")
        stored = await one.resident.api("GET", f"/v1/files/{one.ids['file_id']}/content")
        assert opened.read(file) == stored.body
        assert found_in(opened.read("data.json").decode(), {"name": one.canaries["name"]}) == ["name"]


async def test_nobodys_rows_are_looked_for_through_everybodys(house: House, database: Mongo) -> None:
    """Every question the registry asks, of a person or of time, is answered by an index."""
    await plant(house)
    async with inside(house.stack) as deps:
        whose = Whose("p_1", ("r_1", "r_2"), "i", ("s",), {}, ("q_1",))
        slow = []
        for name, held in COLLECTIONS.items():
            asked = [query for part in held.parts if (query := part.find(whose)) is not None]
            for query in asked + ([due(held.stays)] if held.stays.by == "job" else []):
                plan = await deps.mongo[name].find(query).explain()
                if "COLLSCAN" in repr(plan["queryPlanner"]["winningPlan"]):
                    slow.append((name, query))
    assert slow == []


async def test_nobody_exports_or_deletes_by_a_token_alone(house: House, database: Mongo) -> None:
    resident = await make_resident(house)
    for method, path, body in (("GET", "/v1/me/export", None), ("DELETE", "/v1/me", {"confirm": "注销账号"})):
        refused = await resident.api(method, path, body)
        assert (refused.status, refused.json["code"]) == (403, "step_up_needed")
    unknown = await make_resident(house, bound=False)
    await database["sessions"].update_many({}, [{"$set": {"created_at": {"$subtract": ["$created_at", 11 * 60 * 1000]}}}])
    refused = await unknown.api("GET", "/v1/me/export")
    assert (refused.status, refused.json["code"]) == (403, "fresh_login_needed")
    assert (await unknown.api("DELETE", "/v1/me", {"confirm": "好"})).status == 422


async def test_an_export_is_gone_after_its_day(house: House, database: Mongo) -> None:
    resident = await make_resident(house, bound=False)
    asked = (await resident.api("GET", "/v1/me/export")).json["export"]

    async def ready() -> bool:
        return (await resident.api("GET", f"/v1/me/export/{asked}")).status == 200

    await until(ready)
    assert await database["blobs.files"].count_documents({"_id": {"$regex": f"^{asked}"}}) == 1
    await database["exports"].update_one({"_id": asked}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    gone = await resident.api("GET", f"/v1/me/export/{asked}")
    assert (gone.status, gone.json["code"]) == (404, "export_unknown")
    await due_now(database, f"export_over:{asked}")

    async def dropped() -> bool:
        return not await database["exports"].count_documents({"_id": asked})

    await until(dropped)
    assert await database["blobs.files"].count_documents({"_id": {"$regex": f"^{asked}"}}) == 0


async def test_everything_that_stands_in_the_way_is_told_at_once(house: House) -> None:
    one = await plant(house)
    refused = await one.delete()
    assert (refused.status, refused.json["code"]) == (409, "erasure_blocked")
    fields = {entry["field"] for entry in refused.json["errors"]}
    ids = {"cases": "case_no", "refunds": "refund_no", "parcels": "parcel_id", "appointments": "appointment_id"}
    assert fields == {f"{name}.{one.ids[own]}" for name, own in ids.items()}
    assert (await one.resident.api("GET", "/v1/me")).status == 200


async def test_who_deletes_their_account_is_in_no_collection_any_more(house: House, database: Mongo) -> None:
    one, other = await plant(house), await plant(house)
    await one.exported("?files=true")
    await end_everything(one)
    full = await everything_stored(database, house.stack)
    before = {name: found_in(text, other.canaries) for name, text in full.items()}
    assert {name for name, text in full.items() if found_in(text, one.canaries)} >= HOLDS
    async with inside(house.stack) as deps:
        resident_id = (await one.resident.api("GET", "/v1/me")).json["id"]
        whose = await whose_of(deps, resident_id)
        account = (await deps.residents.identities_of([resident_id]))[0].account
    case_no, order_no = one.ids["case_no"], one.ids["order_no"]
    deleted = await one.delete()
    assert deleted.status == 202, deleted.body
    assert {row["what"] for row in deleted.json["kept"]} >= {COLLECTIONS[name].what for name in ("cases", "orders", "refunds", "grants")}
    assert all("保留" in row["text"] for row in deleted.json["kept"]) and "政务平台" in deleted.json["core"]
    assert (await one.resident.api("GET", "/v1/me")).status == 401
    await finished(house, database, deleted.json["erasure"])
    stored = await everything_stored(database, house.stack)
    gone = {**one.canaries, "openid": account, "person": str(whose.person_id), "resident": resident_id}
    left = {name: found for name, text in stored.items() if (found := found_in(text, gone))}
    assert left == {}
    assert {name: found_in(text, other.canaries) for name, text in stored.items()} == before
    case, order = await database["cases"].find_one({"case_no": case_no}), await database["orders"].find_one({"_id": order_no})
    assert case is not None and order is not None and case["person_id"] == order["person_id"] and case["person_id"].startswith("gone_")
    assert (case["state"], order["state"], order["amount_fen"]) == ("issued", "settled", 2000)
    assert await database["blobs.chunks"].count_documents({"files_id": one.ids["file_id"]}) == 0
    again = await make_resident_again(house, one.resident.person)
    assert again != resident_id


async def make_resident_again(house: House, person: dict[str, str]) -> str:
    """The same person comes back: nobody knows them."""
    back = Resident(house, person)
    await back.log_in()
    await back.bind()
    assert (await back.api("GET", "/v1/cases")).json["items"] == []
    return str((await back.api("GET", "/v1/me")).json["id"])


async def test_a_worker_that_died_half_way_is_followed_by_one_that_finishes(house: House, database: Mongo) -> None:
    """Some collections done and marked, one done and not marked: the next worker ends it, with the same pseudonym."""
    one = await plant(house)
    await end_everything(one)
    async with inside(house.stack) as deps:
        whose = await whose_of(deps, (await one.resident.api("GET", "/v1/me")).json["id"])
        pseudonym = "gone_halfway"
        own = await deps.mongo.transaction(lambda tx: deps.privacy.begin_erasure(tx, whose, pseudonym, []))
        begun = await deps.privacy.erasure(own)
        assert begun is not None
        for name in ("cases", "orders", "messages"):
            await deps.privacy.erased(begun, name, await erasure.erase(deps, begun, name))
        await erasure.erase(deps, begun, "drafts")
        twice = await one.delete()
        assert (twice.status, twice.json["code"]) == (409, "erasure_under_way")
        await deps.mongo.transaction(lambda tx: deps.outbox.put(tx, erasure.ERASE, f"erase:{own}", {"erasure_id": own}))
    await finished(house, database, own)
    stored = await everything_stored(database, house.stack)
    assert {name for name, text in stored.items() if found_in(text, one.canaries)} == set()
    row = await database["erasures"].find_one({"_id": own})
    assert row is not None and not {"of", "whose", "pseudonym", "sessions"} & set(row)
    assert len([entry for entry in row["done"] if (entry["step"], entry["collection"]) == ("first", "cases")]) == 1
    refund = await database["refunds"].find_one({"_id": one.ids["refund_no"]})
    assert refund is not None and refund["person_id"] == pseudonym


async def test_the_other_side_of_a_grant_is_told_that_it_ended(house: House, database: Mongo) -> None:
    agent = await make_resident(house)
    giver = await plant(house, "alipay")
    until_day = (now() + timedelta(days=20)).date().isoformat()
    wish = {"name": agent.person["name"], "id_number": agent.person["id_number"], "purposes": "all", "until": until_day}
    assert (await giver.resident.api("POST", "/v1/me/grants", wish)).status == 201
    await end_everything(giver)
    deleted = await giver.delete()
    assert deleted.status == 202, deleted.body

    async def told() -> bool:
        return any("解除" in one["text"] for one in await agent.inbox())

    await until(told)
    await finished(house, database, deleted.json["erasure"])
    assert (await agent.api("GET", "/v1/me/grants")).json["received"] == []


async def test_what_was_begun_for_an_enterprise_stays_with_it(house: House, database: Mongo) -> None:
    resident = await make_resident(house)
    firm = await house.world("POST", f"/world/people/{resident.person['person']}/enterprises", {})
    chosen = await resident.api("POST", "/v1/me/subject", {"kind": "enterprise", "id": firm["uscc"]})
    assert chosen.status == 200, chosen.body
    draft, file_id = await resident.draft(), await upload(resident, "license.png")
    await Planted(resident, {}).step_up()
    _, document = await Planted(resident, {}).exported()
    (told,) = json.loads(document)["held"]["drafts"]["rows"]
    assert set(told) == {"item_name", "state", "updated_at"}, "the enterprise's answers are the enterprise's"
    deleted = await resident.api("DELETE", "/v1/me", {"confirm": "注销账号"})
    assert deleted.status == 202, deleted.body
    await finished(house, database, deleted.json["erasure"])
    left, file = await database["drafts"].find_one({"_id": draft["id"]}), await database["files"].find_one({"_id": file_id})
    assert left is not None and file is not None
    assert left["subject_key"] == file["owner"] == f"enterprise:{firm['uscc']}"
    assert left["person_id"] == left["resident_id"] == file["person_id"] == file["resident_id"]
    assert left["person_id"].startswith("gone_") and file["state"] == "ready"


async def test_who_paid_for_somebody_else_takes_away_only_that_they_paid(house: House, database: Mongo) -> None:
    """The order stays the other's, who never sees the paying account."""
    giver, agent = await make_payer(house), await make_resident(house, "alipay")
    await Planted(giver.resident, {}).step_up()
    until_day = (now() + timedelta(days=20)).date().isoformat()
    wish = {"name": agent.person["name"], "id_number": agent.person["id_number"], "purposes": ["pay"], "until": until_day}
    granted = await giver.resident.api("POST", "/v1/me/grants", wish)
    assert granted.status == 201, granted.body
    assert (await agent.api("POST", f"/v1/me/grants/{granted.json['id']}/accept", {})).status == 200
    assert (await agent.api("POST", "/v1/me/subject", {"kind": "agent", "id": granted.json["id"]})).status == 200
    paying = Payer(agent, giver.case_no)
    order_no = await paying.settled()
    async with inside(house.stack) as deps:
        agent_id = (await agent.api("GET", "/v1/me")).json["id"]
        account = deps.paying.orders.payer(await deps.paying.orders.order(order_no) or {})
    await Planted(giver.resident, {}).step_up()
    _, of_giver = await Planted(giver.resident, {}).exported()
    assert order_no in of_giver.decode() and account not in of_giver.decode()
    await Planted(agent, {}).step_up()
    _, of_agent = await Planted(agent, {}).exported()
    (told,) = json.loads(of_agent)["held"]["orders"]["rows"]
    assert (told["_id"], told["payer"]) == (order_no, account) and "title" not in told
    deleted = await agent.api("DELETE", "/v1/me", {"confirm": "注销账号"})
    assert deleted.status == 202, deleted.body
    await finished(house, database, deleted.json["erasure"])
    order = await database["orders"].find_one({"_id": order_no})
    me = await database["residents"].find_one({"_id": (await giver.resident.api("GET", "/v1/me")).json["id"]})
    assert order is not None and me is not None
    assert order["person_id"] == me["person_id"] and order["resident_id"] != agent_id
    stored = await everything_stored(database, house.stack)
    assert {name for name, text in stored.items() if account in text or agent_id in text} == set()
    assert (await giver.resident.api("GET", f"/v1/orders/{order_no}")).json["state"] == "settled"


async def test_an_account_without_a_person_goes_too(house: House, database: Mongo) -> None:
    resident = await make_resident(house, bound=False)
    draft = await resident.draft()
    deleted = await resident.api("DELETE", "/v1/me", {"confirm": "注销账号"})
    assert (deleted.status, deleted.json["kept"]) == (202, [])
    await finished(house, database, deleted.json["erasure"])
    assert await database["drafts"].count_documents({"_id": draft["id"]}) == 0


async def test_a_look_by_the_hotline_is_shown_to_the_person(house: House) -> None:
    resident, desk = await make_resident(house), await make_desk(house, "hotline")
    asked = {"name": resident.person["name"], "id_number": resident.person["id_number"], "reason": "来电询问进度"}
    assert (await desk.api("POST", "/staff/v1/hotline/cases", asked)).status == 200
    (entry,) = (await resident.api("GET", "/v1/me/access-log")).json["items"]
    assert (entry["by"], entry["reason"]) == (desk.username, "来电询问进度")


async def test_whoever_reads_a_conversation_that_waits_leaves_a_trace(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = await plant(house)
    for name, value in house.stack.env.items():
        monkeypatch.setenv(name, value)
    assert await asyncio.to_thread(bot_misses.handovers, 1000, None) == 0
    assert one.canaries["question"] in capsys.readouterr().out
    looked = (await one.resident.api("GET", "/v1/me/access-log")).json["items"]
    assert [(entry["by"], entry["what"]) for entry in looked] == [("值守", "与智能助手的对话")]


async def test_the_daily_job_forgets_what_is_due_and_nothing_younger(house: House, database: Mongo) -> None:
    resident = await make_resident(house)
    old, young = await resident.draft(), await resident.draft()
    case_no = await resident.case()
    await database["drafts"].update_one({"_id": old["id"]}, {"$set": {"updated_at": now() - timedelta(days=181)}})
    await database["cases"].update_one({"case_no": case_no}, {"$set": {"moved_at": now() - timedelta(days=3000)}})  # open: stays
    await database["messages"].insert_one({"_id": "m_old", "person_id": "nobody", "at": now() - timedelta(days=1096)})
    async with inside(house.stack) as deps:
        await forget_what_is_due(deps)
        await forget_what_is_due(deps)
    assert await database["drafts"].count_documents({"_id": {"$in": [old["id"], young["id"]]}}) == 1
    assert await database["cases"].count_documents({"case_no": case_no}) == 1
    assert await database["messages"].count_documents({"_id": "m_old"}) == 0
