"""Staff over HTTP: two factors, first password, every route against every role, and an audit that tells all of it."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.clock import now
from kit.ids import new_nonce
from kit.mongo import Mongo, connect
from miniapp_api.app import ROUTES
from miniapp_api.gate import Route
from miniapp_api.stack import Stack
from staff import totp
from staff.roles import GRANTED, ROLES, Role
from tests.api.desk import OWN, Desk, make_desk
from tests.api.house import Answer, House, make_resident

STAFF_ROUTES = [route for route in ROUTES if route.who == "staff" and route.name != "POST /staff/v1/logout"]


@pytest.fixture
async def store(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


async def story(desk: Desk, store: Mongo) -> list[tuple[str, str]]:
    """What the audit tells of them."""
    return [(row["action"], row["result"]) async for row in store["staff_audit"].find({"who": desk.username}).sort("_id", 1)]


async def test_from_the_first_login_to_logout_and_all_of_it_in_the_audit(house: House, store: Mongo) -> None:
    desk = await make_desk(house, "approver", ready=False)
    first = await desk.log_in()
    assert first.status == 200 and first.json["must_change_password"] is True
    me = (await desk.api("GET", "/staff/v1/me")).json
    assert (me["username"], me["roles"], me["must_change_password"]) == (desk.username, ["approver"], True)
    assert me["permissions"] == ["broadcast.approve", "broadcast.read", "broadcast.stop", "orders.read", "refund.approve"] and me["regions"] == ["*"]
    assert (await desk.api("GET", "/staff/v1/accounts")).json["code"] == "staff_password_change_needed"
    assert (await desk.choose_password()).status == 204
    assert (await desk.api("GET", "/staff/v1/me")).json["must_change_password"] is False
    assert (await desk.api("POST", "/staff/v1/logout")).status == 204
    assert (await desk.api("GET", "/staff/v1/me")).json["code"] == "staff_session_unknown"
    assert await story(desk, store) == [
        ("login", "done"),
        ("GET /staff/v1/me", "begun"),
        ("GET /staff/v1/accounts", "refused staff_password_change_needed"),
        ("POST /staff/v1/me/password", "begun"),
        ("POST /staff/v1/me/password", "done"),
        ("GET /staff/v1/me", "begun"),
        ("POST /staff/v1/logout", "begun"),
        ("POST /staff/v1/logout", "done"),
    ]


async def test_a_code_opens_one_session(house: House) -> None:
    desk = await make_desk(house, "cashier", ready=False)
    code = totp.code_at(desk.secret, now())
    assert (await desk.log_in(totp=code)).status == 200
    again = await desk.log_in(totp=code)
    assert (again.status, again.json["code"]) == (401, "staff_login_refused")


async def test_every_wrong_login_gets_the_same_answer_until_the_name_is_locked(house: House, store: Mongo) -> None:
    desk = await make_desk(house, "cashier", ready=False)
    nobody = Desk(house, "", f"n{new_nonce()}", OWN, desk.secret)
    told = []
    for one in (desk, nobody):
        answers = [await one.log_in(password=OWN) for _ in range(6)]
        told.append([(a.status, a.json["code"], a.json["title"], a.json["retryable"]) for a in answers])
    assert told[0] == told[1]
    assert [code for _, code, _, _ in told[0]] == ["staff_login_refused"] * 5 + ["staff_locked"]
    assert await story(desk, store) == [("login", "refused staff_login_refused")] * 5 + [("login", "refused staff_locked")]
    assert await story(nobody, store) == [], "people type passwords into the other field"
    security = await make_desk(house, "security_admin")
    unlocked = await security.api("POST", f"/staff/v1/accounts/{desk.id}/unlock", {})
    assert unlocked.status == 200 and unlocked.json["locked"] is False
    assert (await desk.log_in()).status == 200


async def test_an_unused_session_is_over_after_half_an_hour(house: House, store: Mongo) -> None:
    desk = await make_desk(house, "cashier")
    mine = {"account_id": desk.id}
    await store["staff_sessions"].update_one(mine, {"$set": {"seen_at": now() - timedelta(minutes=29)}})
    assert (await desk.api("GET", "/staff/v1/me")).status == 200
    await store["staff_sessions"].update_one(mine, {"$set": {"seen_at": now() - timedelta(minutes=30)}})
    assert (await desk.api("GET", "/staff/v1/me")).json["code"] == "staff_session_unknown"


async def test_three_administrators_bring_a_cashier_in_and_out(house: House, store: Mongo) -> None:
    system, security = await make_desk(house, "system_admin"), await make_desk(house, "security_admin")
    name = f"c{new_nonce()}"
    made = await system.api("POST", "/staff/v1/accounts", {"username": name})
    assert made.status == 201 and made.json["totp_uri"].startswith("otpauth://totp/")
    assert (await system.api("POST", "/staff/v1/accounts", {"username": name})).json["code"] == "staff_username_taken"
    desk = Desk(house, made.json["id"], name, made.json["one_time_password"], made.json["totp_secret"])
    assert (await desk.log_in()).status == 200 and (await desk.choose_password()).status == 204
    assert (await desk.api("GET", "/staff/v1/me")).json["permissions"] == [], "no role until one is granted"
    path = f"/staff/v1/accounts/{desk.id}"
    assert (await system.api("POST", f"{path}/roles", {"roles": ["cashier"]})).json["code"] == "staff_not_allowed"
    granted = await security.api("POST", f"{path}/roles", {"roles": ["cashier"], "departments": ["市税务局"], "regions": ["*"]})
    assert (granted.json["roles"], granted.json["departments"]) == (["cashier"], ["市税务局"])
    assert "refund.request" in (await desk.api("GET", "/staff/v1/me")).json["permissions"]
    conflict = await security.api("POST", f"{path}/roles", {"roles": ["cashier", "audit_admin"]})
    assert (conflict.status, conflict.json["code"]) == (422, "staff_roles_conflict")
    handed = (await security.api("POST", f"{path}/reset", {})).json
    assert (await desk.api("GET", "/staff/v1/me")).status == 401
    desk.password, desk.secret, desk.used = handed["one_time_password"], handed["totp_secret"], 0
    assert (await desk.log_in()).json["must_change_password"] is True
    for _ in range(2):
        assert (await system.api("POST", f"{path}/disable", {})).json["disabled"] is True
    assert (await desk.api("GET", "/staff/v1/me")).status == 401
    assert (await desk.log_in()).json["code"] == "staff_login_refused"
    row = await store["staff_audit"].find_one({"who": security.username, "action": re.compile("roles"), "result": "done"})
    assert row is not None and row["object"] == f"{desk.id} cashier"
    row = await store["staff_audit"].find_one({"who": system.username, "action": "POST /staff/v1/accounts", "result": "done"})
    assert row is not None and row["object"] == f"{desk.id} {name}"


@pytest.mark.parametrize(
    ("role", "act", "body"),
    [("security_admin", "roles", {"roles": ["cashier"]}), ("security_admin", "reset", {}), ("system_admin", "disable", {})],
)
async def test_nobody_does_it_to_their_own_account(house: House, role: Role, act: str, body: Any) -> None:
    desk = await make_desk(house, role)
    assert (await desk.api("POST", f"/staff/v1/accounts/{desk.id}/{act}", body)).json["code"] == "staff_own_account"


async def test_every_route_opens_to_the_roles_that_hold_its_permission_and_to_no_other(house: House) -> None:
    wrong = []
    for role in (None, *ROLES):
        desk = await make_desk(house, *([role] if role else []))
        for route in STAFF_ROUTES:
            answer = await tried(desk, route)
            allowed = route.may is None or (role is not None and route.may in GRANTED[role])
            refused = answer.status == 403 and answer.json["code"] == "staff_not_allowed"
            if refused == allowed or answer.status in (401, 500):
                wrong.append((role, route.name, answer.status))
    assert wrong == []


async def test_every_route_is_closed_to_residents_and_to_nobody(house: House) -> None:
    resident = await make_resident(house, bound=False)
    for route in STAFF_ROUTES:
        for token, code in (("", "staff_session_missing"), (resident.token, "staff_session_unknown")):
            answer = await tried(Desk(house, "", "", "", "", token), route)
            assert (answer.status, answer.json["code"]) == (401, code), route.name
    desk = await make_desk(house, "cashier")
    assert (await desk.api("GET", "/v1/me")).json["code"] == "session_unknown", "and staff are no residents"


async def test_the_audit_administrator_reads_and_verifies_and_every_chain_holds(house: House, store: Mongo) -> None:
    desk = await make_desk(house, "audit_admin")
    last = await store["staff_audit"].find_one({}, sort=[("_id", -1)])
    assert last is not None
    page = (await desk.api("GET", f"/staff/v1/audit?after={last['_id'] - 2}&limit=2")).json
    assert [one["seq"] for one in page["items"]] == [last["_id"] - 1, last["_id"]] and page["next_after"] == last["_id"]
    assert page["items"][1]["hash"] == last["hash"]
    verified = (await desk.api("GET", "/staff/v1/audit/verify")).json
    assert verified["unbroken"] is True and verified["complete"] is True and verified["checked"] > last["_id"]
    part = (await desk.api("GET", "/staff/v1/audit/verify?first=2&last=3")).json
    assert (part["checked"], part["last_seq"], part["complete"]) == (2, 3, True)
    assert [one async for one in store["staff_audit"].find({"action": "GET /staff/v1/audit/verify", "who": desk.username})]


async def test_no_password_code_secret_or_token_is_in_the_audit_or_a_log(house: House, store: Mongo, stack: Stack) -> None:
    desk = await make_desk(house, "security_admin", ready=False)
    secrets = [desk.password, desk.secret, OWN]
    await desk.log_in(username=OWN)
    await desk.log_in()
    secrets.append(desk.token)
    await desk.choose_password("short")
    await desk.choose_password()
    other = await make_desk(house, "cashier", ready=False)
    handed = (await desk.api("POST", f"/staff/v1/accounts/{other.id}/reset", {})).json
    secrets += [handed["one_time_password"], handed["totp_secret"]]
    kept = repr([row async for row in store["staff_audit"].find({})]) + (Path(stack.data) / "logs" / "api.log").read_text()
    assert desk.username in kept
    assert [secret[:4] for secret in secrets if secret in kept] == []


async def tried(desk: Desk, route: Route) -> Answer:
    path = re.sub(r"<\w+(:\w+)?>", "x", route.path)
    headers = {"Authorization": f"Bearer {desk.token}"} if desk.token else {}
    return await desk.house.api(route.method, path, {} if route.method != "GET" else None, headers=headers)
