"""Every route says who may call, is documented or hidden on purpose, and keeps the names clients rely on."""

import ast
from pathlib import Path

from openapi_spec_validator import validate

from miniapp_api.app import ROUTES
from miniapp_api.openapi import document
from staff.roles import GRANTED

ROOT = Path(__file__).parents[2]
OPEN_TO_ANYONE = {
    "GET /v1/divisions",
    "POST /v1/login/wechat",
    "POST /v1/login/alipay",
    "POST /v1/login/kiosk",  # a registered device's signature; the person is asked by the core
    "POST /v1/login/kiosk/<challenge:str>",
    "GET /v1/policies",
    "GET /v1/publications",
    "GET /v1/publications/<publication_id:str>",
    "GET /open/v1/figures",
    "GET /open/v1/items",
    "GET /open/v1/items/fields",
    "GET /open/v1/ratings",
    "GET /v1/items",
    "GET /v1/items/<code:str>",
    "GET /v1/items/<code:str>/guide",
    "GET /v1/items/<code:str>/slots",
    "GET /v1/packages",
    "GET /v1/packages/<package_id:str>",
    "GET /v1/themes",
    "GET /v1/search/suggest",
    "GET /v1/lists",
    "GET /v1/items/<code:str>/versions",
    "GET /v1/items/<code:str>/diff",
    "POST /staff/v1/login",
    "GET /healthz",
    "GET /readyz",
    "POST /v1/progress",  # with the receipt's code; tries are counted
    "GET /v1/receipts/<token:str>",  # whoever scans a receipt; a signed token, no personal data
}


OPEN_TO_GUESTS = {"POST /v1/assistant/messages", "POST /v1/assistant/feedback"}


def test_only_the_routes_listed_here_are_open_to_anyone() -> None:
    assert {route.name for route in ROUTES if route.who == "anyone"} == OPEN_TO_ANYONE
    assert {route.name for route in ROUTES if route.who == "guest"} == OPEN_TO_GUESTS


# What any member of staff may do with the account they hold; everything else takes a permission.
OPEN_TO_ALL_STAFF = {"POST /staff/v1/logout", "GET /staff/v1/me", "POST /staff/v1/me/password"}


def test_every_route_of_staff_names_a_permission_that_somebody_holds() -> None:
    staff = [route for route in ROUTES if route.who == "staff"]
    assert {route.name for route in staff if route.may is None} == OPEN_TO_ALL_STAFF
    assert all(any(route.may in held for held in GRANTED.values()) for route in staff if route.may)
    assert all((route.who == "staff") == route.path.startswith("/staff/v1/") for route in ROUTES if route.name != "POST /staff/v1/login")
    assert [route.name for route in ROUTES if route.may and route.who != "staff"] == []


def test_every_route_says_who_may_call() -> None:
    assert {route.who for route in ROUTES} <= {"anyone", "guest", "resident", "core", "wechat", "gateway", "operator", "staff"}


def test_no_route_is_declared_outside_the_gate() -> None:
    """The app adds two fixed documents by hand, and Rasa has a listener of its own; everything else goes through Routes.add, which demands `who`."""
    found = []
    for path in (ROOT / "miniapp_api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("add_route", "static", "websocket"):
                found.append((path.name, node.func.attr))
    assert sorted(found) == [
        ("actions_app.py", "add_route"),
        ("app.py", "add_route"),
        ("app.py", "static"),
        ("app.py", "static"),
        ("gate.py", "add_route"),
    ]


def test_posts_that_create_at_the_core_need_an_idempotency_key() -> None:
    money = {
        "POST /v1/bills/<bill_id:str>/orders",
        "POST /v1/orders/<order_no:str>/refund-requests",
        "POST /staff/v1/orders/<order_no:str>/refunds",
    }
    applying = {
        "POST /v1/drafts/<draft_id:str>/submit",
        "POST /v1/licences/<licence_id:str>/authorizations",
        "POST /v1/cases/<case_no:str>/corrections",
        "POST /v1/cases/<case_no:str>/withdraw",
        "POST /v1/cases/<case_no:str>/parcels",
        "POST /v1/cases/<case_no:str>/rating",
    }
    around = {
        "POST /v1/appointments",
        "POST /v1/appointments/<appointment_id:str>/reschedule",
        "POST /v1/appointments/waiting",
        "POST /v1/appointments/waiting/<wait_id:str>/accept",
        "POST /v1/complaints",
        "POST /v1/complaints/<complaint_id:str>/questions",
        "POST /v1/complaints/<complaint_id:str>/satisfaction",
    }
    assert {route.name for route in ROUTES if route.idempotent} == applying | money | around
    assert {route.name for route in ROUTES if route.idempotent and route.keep_days is None} == money


def test_the_contract_is_valid_openapi_3_1_and_holds_every_public_route() -> None:
    made = document(ROUTES, "0")
    validate(made)
    assert made["openapi"] == "3.1.0"
    operations = sum(len(path) for path in made["paths"].values())
    assert operations == sum(not route.hidden for route in ROUTES)
    assert all("x-who" in operation for path in made["paths"].values() for operation in path.values())
