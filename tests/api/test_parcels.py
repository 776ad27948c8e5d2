"""Parcels over HTTP with the real stores and the sandbox's couriers: licences to the door, papers to the hall, one courier order each."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from kit.clock import now
from staff.roles import Scope
from tests.api.desk import make_desk
from tests.api.house import House, Resident, make_resident, until
from tests.api.mailing import HOME, make_mail
from tests.api.persons import grant, on_alipay, step_up
from tests.api.planted import inside
from tests.api.purse import Payer


async def test_a_licence_goes_to_the_door_and_everybody_is_told_once(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.asked()
    assert (parcel["payer"], parcel["checks_id"], parcel["recipient"], parcel["courier_text"]) == ("city", True, "holder", "顺丰速运")
    parcel = await mail.until(parcel["id"], "booked")
    assert len(await mail.orders(parcel["id"])) == 1 and parcel["waybill"].startswith("SF")
    await mail.scan(parcel, "collect", "transit", "deliver")
    await mail.until(parcel["id"], "delivering")
    await mail.scan(parcel, "sign")
    done = await mail.until(parcel["id"], "delivered")
    assert [one["kind"] for one in done["scans"]][-1] == "signed" and done["finished_at"]
    await mail.until_told(parcel["id"], "已签收")

    async def core_knows() -> bool:
        return len(await mail.at_core(parcel["id"], "delivery.ended")) == 1

    await until(core_knows)
    assert [one["waybill"] for one in await mail.at_core(parcel["id"], "delivery.handed_over")] == [parcel["waybill"]]
    texts = [one["text"] for one in await mail.told(parcel["id"])]
    assert len(texts) == len(set(texts))


async def test_what_leaves_the_house_again_is_masked(house: House) -> None:
    mail = await make_mail(house)
    answer = await mail.ask()
    assert mail.resident.person["name"].encode() not in answer.body and b"13800001234" not in answer.body and b"1602" not in answer.body
    assert answer.json["receiver"]["address"].startswith("广东省深圳市南山区") and answer.json["sender"]["name"]


async def test_the_same_key_is_the_same_parcel_and_a_licence_travels_once(house: House) -> None:
    mail = await make_mail(house)
    key = uuid.uuid4().hex
    first, again = await mail.ask(key), await mail.ask(key)
    assert first.status == 201 and first.body == again.body
    others = await asyncio.gather(*(mail.ask() for _ in range(5)))
    assert {(one.status, one.json["code"]) for one in others} == {(409, "parcel_under_way")}
    await mail.until(first.json["id"], "booked")
    assert len(await mail.orders(first.json["id"])) == 1


async def test_pick_up_at_the_hall_is_a_choice_like_any_other(house: House) -> None:
    mail, window = await make_mail(house, delivery=False), await make_desk(house, "window")
    assert (await mail.ask()).json["code"] == "not_deliverable"
    parcel = await mail.asked(method="pickup", address=None, courier=None, consent=None)
    path = f"/staff/v1/parcels/{parcel['id']}"
    early = await window.api("POST", f"{path}/pick-up", {"by": "holder", "id_checked": True})
    assert (early.status, early.json["code"]) == (409, "parcel_not_there_yet")
    assert (await window.api("POST", f"{path}/packed", {})).json["state"] == "waiting_at_hall"
    await mail.until_told(parcel["id"], "请带有效身份证件到窗口领取")
    assert (await window.api("POST", f"{path}/pick-up", {"by": "holder"})).status == 422
    assert (await window.api("POST", f"{path}/pick-up", {"by": "agent", "id_checked": True})).json["code"] == "recipient_not_registered"
    assert (await window.api("POST", f"{path}/pick-up", {"by": "holder", "id_checked": True})).json["state"] == "picked_up"

    async def core_knows() -> list[str]:
        return [one["state"] for one in await mail.at_core(parcel["id"], "delivery.ended")]

    assert await until(core_knows) == ["picked_up"]


async def test_nothing_is_given_to_a_courier_without_its_own_consent(house: House) -> None:
    mail = await make_mail(house)
    refused = await mail.ask(consent=None)
    assert (refused.status, refused.json["code"]) == (403, "consent_needed") and "快递" in refused.json["title"]
    stale = await mail.ask(consent={"version": 1, "text_hash": "0" * 64})
    assert (stale.status, stale.json["code"]) == (409, "policy_changed")
    assert (await mail.asked())["state"] in ("ready", "booking", "booked")
    await mail.resident.api("DELETE", f"/v1/parcels/{(await mail.resident.api('GET', f'/v1/cases/{mail.case_no}/parcels')).json['items'][0]['id']}")


async def test_everything_wrong_with_an_address_is_told_at_once(house: House) -> None:
    mail = await make_mail(house)
    answer = await mail.ask(address={"province": "火星", "city": "", "county": "", "detail": "x", "phone": "1"})
    assert answer.status == 422 and [one["field"] for one in answer.json["errors"]] == ["address.province", "address.detail", "address.phone"]
    provinces = (await house.api("GET", "/v1/divisions")).json["items"]
    guangdong = next(one["code"] for one in provinces if one["name"] == "广东省")
    assert "深圳市" in [one["name"] for one in (await house.api("GET", f"/v1/divisions?parent={guangdong}")).json["items"]]


async def test_a_licence_that_is_not_ready_and_a_case_of_somebody_else_give_nothing(house: House) -> None:
    mail = await make_mail(house, to="accepted")
    assert (await mail.ask()).json["code"] == "licence_not_ready"
    ready = await make_mail(house)
    parcel = await ready.asked(method="pickup", address=None, courier=None)
    other = await make_resident(house)
    for method, path in (("GET", f"/v1/parcels/{parcel['id']}"), ("DELETE", f"/v1/parcels/{parcel['id']}")):
        assert (await other.api(method, path)).json["code"] == "parcel_unknown"
    asked = {"direction": "to_resident", "method": "pickup"}
    stolen = await other.api("POST", f"/v1/cases/{ready.case_no}/parcels", asked, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert (stolen.status, stolen.json["code"]) == (404, "case_unknown")


async def test_an_address_changes_after_a_step_up_and_is_frozen_by_the_courier_order(house: House) -> None:
    mail = await make_mail(house, delivery_payer="prepaid")
    parcel = await mail.asked()
    assert parcel["state"] == "awaiting_payment" and parcel["can_change_address"]
    path, there = f"/v1/parcels/{parcel['id']}", {"address": {**HOME, "county": "福田区"}}
    seen = {"If-Match": str(parcel["revision"])}
    assert (await mail.resident.api("PATCH", path, there, headers=seen)).json["code"] == "step_up_needed"
    await step_up(mail.resident)
    assert (await mail.resident.api("PATCH", path, there)).status == 422
    changed = await mail.resident.api("PATCH", path, there, headers=seen)
    assert changed.status == 200 and "福田区" in changed.json["receiver"]["address"], changed.body
    assert (await mail.resident.api("PATCH", path, there, headers=seen)).status == 412

    async def told() -> list[str]:
        return [one["text"] for one in await mail.resident.inbox() if one["kind"] == "account_changed" and "寄递" in one["text"]]

    assert len(await until(told)) == 1
    await _pay(mail.resident, mail.case_no, parcel["bill_id"])
    booked = await mail.until(parcel["id"], "booked")
    frozen = await mail.resident.api("PATCH", path, there, headers={"If-Match": str(booked["revision"])})
    assert (frozen.status, frozen.json["code"]) == (409, "address_frozen")
    assert [one["to"] for one in await mail.orders(parcel["id"])] == ["深圳市"]


async def test_prepaid_freight_is_a_bill_and_the_courier_is_asked_once_it_is_paid(house: House) -> None:
    mail = await make_mail(house, delivery_payer="prepaid")
    parcel = await mail.asked()
    bills = {one["bill_id"]: one for one in (await mail.resident.api("GET", "/v1/bills")).json["items"]}
    assert bills[parcel["bill_id"]]["amount_fen"] > 0 and await mail.orders(parcel["id"]) == []
    await _pay(mail.resident, mail.case_no, parcel["bill_id"])
    await mail.until(parcel["id"], "booked")
    assert len(await mail.orders(parcel["id"])) == 1


async def test_a_receiver_who_pays_is_known_to_the_courier(house: House) -> None:
    mail = await make_mail(house, delivery_payer="receiver")
    parcel = await mail.until((await mail.asked())["id"], "booked")
    assert parcel["payer_text"] == "到付" and str((await mail.orders(parcel["id"]))[0]["payer"]) in ("receiver", "2")


async def test_a_registered_agent_receives_and_nobody_else(house: House) -> None:
    mail, agent, soon = await make_mail(house), await make_resident(house), str((now() + timedelta(days=30)).date())
    strange = await mail.ask(recipient={"kind": "agent", "grant_id": "g_nobody"})
    assert (strange.status, strange.json["code"]) == (403, "recipient_not_registered")
    only_pays = await grant(mail.resident, agent, purposes=["pay"], until=soon)
    assert (await mail.ask(recipient={"kind": "agent", "grant_id": only_pays})).json["code"] == "recipient_not_registered"
    own = await grant(mail.resident, agent, purposes=["delivery"], until=soon)
    parcel = await mail.asked(recipient={"kind": "agent", "grant_id": own}, method="pickup", address=None, courier=None)
    assert parcel["recipient"] == "agent"
    window = await make_desk(house, "window")
    path = f"/staff/v1/parcels/{parcel['id']}"
    await window.api("POST", f"{path}/packed", {})
    await mail.resident.api("DELETE", f"/v1/me/grants/{own}")
    assert (await window.api("POST", f"{path}/pick-up", {"by": "agent", "id_checked": True})).json["code"] == "recipient_not_registered"
    assert (await window.api("POST", f"{path}/pick-up", {"by": "holder", "id_checked": True})).json["state"] == "picked_up"


async def test_an_order_is_called_off_until_the_courier_has_it(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.until((await mail.asked())["id"], "booked")
    assert (await mail.resident.api("DELETE", f"/v1/parcels/{parcel['id']}")).json["state_text"] in ("正在取消", "已取消")
    await mail.until(parcel["id"], "cancelled")
    assert len(await mail.orders(parcel["id"], kind="order.cancelled")) == 1
    next_one = await mail.until((await mail.asked(courier="ems"))["id"], "booked")
    await mail.scan(next_one, "collect")
    await mail.until(next_one["id"], "collected")
    late = await mail.resident.api("DELETE", f"/v1/parcels/{next_one['id']}")
    assert (late.status, late.json["code"]) == (409, "already_collected")


async def test_papers_go_to_the_hall_by_ems_and_their_arrival_is_told(house: House) -> None:
    mail = await make_mail(house, to="accepted")
    assert (await mail.ask(direction="to_hall", courier="ems")).status == 422
    wrong = await mail.ask(direction="to_hall", courier="ems", materials=["没有的材料"])
    assert [one["field"] for one in wrong.json["errors"]] == ["materials.0"]
    parcel = await mail.until((await mail.asked(direction="to_hall", courier="ems", materials=["近期免冠照片"]))["id"], "booked")
    await mail.scan(parcel, "collect", "transit", "deliver", "sign")
    await mail.until(parcel["id"], "delivered")
    window = await make_desk(house, "window")
    found = (await window.api("GET", f"/staff/v1/parcels?waybill={parcel['waybill']}")).json["items"]
    assert [one["id"] for one in found] == [parcel["id"]] and found[0]["items"] == ["近期免冠照片"]
    for _ in range(2):
        assert (await window.api("POST", f"/staff/v1/parcels/{parcel['id']}/receive", {})).json["state"] == "arrived"
    assert (await mail.until_told(parcel["id"], "寄送的材料已到"))["kind"] == "papers_arrived"

    async def core_knows() -> list[str]:
        return [one["state"] for one in await mail.at_core(parcel["id"], "delivery.ended")]

    assert await until(core_knows) == ["arrived"]
    assert len(await mail.told(parcel["id"], "papers_arrived")) == 1


async def test_what_the_resident_sends_themselves_is_followed_too(house: House) -> None:
    mail = await make_mail(house, to="accepted")
    waybill = f"YT{uuid.uuid4().int % 10**12:012d}"
    wish = {"direction": "to_hall", "method": "own_courier", "waybill": waybill, "materials": ["近期免冠照片"], "courier": None}
    parcel = await mail.asked(**wish)
    await mail.scan(parcel, "collect", "transit", courier="kuaidi100")
    moved = await mail.until(parcel["id"], "in_transit")
    assert moved["waybill"] == waybill


async def test_the_window_prints_a_label_and_scans_out_the_right_parcel(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.until((await mail.asked())["id"], "booked")
    window = await make_desk(house, "window")
    path = f"/staff/v1/parcels/{parcel['id']}"
    assert (await window.api("POST", f"{path}/packed", {})).json["packed_at"]
    label = await window.api("POST", f"{path}/label", {})
    assert label.status == 200 and label.body.startswith(b"%PDF") and label.headers["content-type"] == "application/pdf"
    other = await window.api("POST", f"{path}/hand-over", {"waybill": "SF0000000000000"})
    assert (other.status, other.json["code"]) == (409, "other_waybill")
    assert (await window.api("POST", f"{path}/hand-over", {"waybill": parcel["waybill"]})).json["handed_over_at"]

    async def core_knows() -> bool:
        return len(await mail.at_core(parcel["id"], "delivery.handed_over")) == 1

    await until(core_knows)


async def test_a_window_sees_its_own_department_alone(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.asked(method="pickup", address=None, courier=None)
    stranger = await make_desk(house, "window", scope=Scope(frozenset({"别的部门"}), frozenset({"*"})))
    assert (await stranger.api("POST", f"/staff/v1/parcels/{parcel['id']}/packed", {})).json["code"] == "parcel_unknown"
    assert parcel["id"] not in [one["id"] for one in (await stranger.api("GET", "/staff/v1/parcels?state=asked")).json["items"]]
    cashier = await make_desk(house, "cashier")
    assert (await cashier.api("GET", f"/staff/v1/parcels/{parcel['id']}")).json["code"] == "staff_not_allowed"


async def test_a_rejected_parcel_opens_a_task_that_one_person_sees_to(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.until((await mail.asked())["id"], "booked")
    await mail.scan(parcel, "collect", "deliver", "reject")
    await mail.until_told(parcel["id"], "被拒收")
    one, two = await make_desk(house, "window"), await make_desk(house, "window")

    async def open_task() -> str | None:
        tasks = (await one.api("GET", "/staff/v1/parcel-tasks?limit=100")).json["items"]
        return next((task["id"] for task in tasks if task["parcel_id"] == parcel["id"]), None)

    task = await until(open_task)
    assert (await one.api("POST", f"/staff/v1/parcel-tasks/{task}/take", {})).json["mine"] is True
    assert (await two.api("POST", f"/staff/v1/parcel-tasks/{task}/take", {})).json["code"] == "task_taken"
    assert (await two.api("POST", f"/staff/v1/parcel-tasks/{task}/close", {"note": "已联系"})).json["code"] == "task_not_yours"
    assert (await one.api("POST", f"/staff/v1/parcel-tasks/{task}/close", {"note": "已电话联系，改为自取"})).json["state"] == "closed"


@pytest.mark.parametrize("courier", ["sf", "ems"])
async def test_scans_that_come_twice_and_in_any_order_are_one_way(house: House, courier: str) -> None:
    mail = await make_mail(house)
    parcel = await mail.until((await mail.asked(courier=courier))["id"], "booked")
    await mail.scanned(parcel, kind=["collect", "transit", "deliver", "sign"], times=3, shuffle=True)
    done = await mail.until(parcel["id"], "delivered")

    async def all_there() -> list[str]:
        kinds = [one["kind"] for one in (await mail.look(parcel["id"]))["scans"]]
        return kinds if len(kinds) == 4 else []

    assert await until(all_there) == ["collected", "in_transit", "delivering", "signed"] and done["finished_at"]
    await mail.until_told(parcel["id"], "已签收")
    assert len([one for one in await mail.told(parcel["id"]) if "已签收" in one["text"]]) == 1


@pytest.mark.parametrize("how", ["claimed", "forged"])
async def test_an_end_that_the_courier_does_not_confirm_ends_nothing(house: House, how: str) -> None:
    mail = await make_mail(house)
    parcel = await mail.until((await mail.asked())["id"], "booked")
    await mail.scanned(parcel, **{"kind": "sign", "as": how})
    await mail.scan(parcel, "collect")
    assert (await mail.until(parcel["id"], "collected"))["finished_at"] is None
    await mail.until_told(parcel["id"], "收件寄出")
    assert [one for one in await mail.told(parcel["id"]) if "已签收" in one["text"]] == [] and await mail.at_core(
        parcel["id"], "delivery.ended"
    ) == []
    await mail.scan(parcel, "sign")
    await mail.until(parcel["id"], "delivered")


async def test_a_lost_reply_of_the_courier_is_one_order(house: House) -> None:
    mail = await make_mail(house)
    await house.faults(sf={"lose_replies": True})
    parcel = await mail.asked()

    async def ordered() -> bool:
        return len(await mail.orders(parcel["id"])) == 1

    await until(ordered)
    await house.faults(sf={})
    booked = await mail.until(parcel["id"], "booked", 60)
    assert [one["waybill"] for one in await mail.orders(parcel["id"])] == [booked["waybill"]]


async def test_a_changed_phone_waits_before_anything_is_sent(house: House) -> None:
    mail = await make_mail(house)
    own = str((await mail.resident.api("GET", "/v1/me")).json["id"])
    async with inside(house.stack) as deps:
        await deps.mongo.transaction(lambda tx: deps.residents.cool_until(tx, own, now() + timedelta(hours=1)))
    refused = await mail.ask()
    assert (refused.status, refused.json["code"]) == (403, "cooling_down") and "寄递" in refused.json["title"]


@pytest.mark.parametrize("path", ["/callbacks/sf/somebody-elses-secret-0000", "/callbacks/ems", "/callbacks/kuaidi100"])
async def test_a_push_nobody_signed_changes_nothing(house: House, path: str) -> None:
    body = b'{"Body": {"WaybillRoute": [{"mailno": "SF1", "opCode": "80"}]}}'
    answer = await house.api("POST", path, raw=body, headers={"Content-Type": "application/json"})
    assert answer.status in (401, 404) and not any(ack in answer.body for ack in (b'"0000"', b'"00000"', b'"200"'))


async def test_another_channel_of_the_same_person_sees_the_parcel(house: House) -> None:
    mail = await make_mail(house)
    parcel = await mail.asked(method="pickup", address=None, courier=None)
    there = await on_alipay(mail.resident)
    await there.bind()
    assert (await there.api("GET", f"/v1/parcels/{parcel['id']}")).json["id"] == parcel["id"]


async def _pay(resident: Resident, case_no: str, bill_id: str) -> None:
    payer = Payer(resident, case_no)
    placed = await payer.order(bill_id)
    assert placed.status == 201, placed.body
    await payer.thumb(placed.json["order_no"])
    await payer.until(placed.json["order_no"], "settled")
