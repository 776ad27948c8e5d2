"""What the core tells by itself: each type is read by its own rule, and what we do not know is not guessed at."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from core import types
from core.events import EventPage, read_event
from core.types import BillIssued, CoreEvent

MOVED: dict[str, Any] = {
    "event_id": "e1",
    "seq": 1,
    "type": "case.moved",
    "case_no": "C1",
    "request_id": "q1",
    "move": {"version": 2, "state": "accepted", "at": "2026-11-23T09:00:00+08:00"},
}


def issued(**change: Any) -> dict[str, Any]:
    """The contract's own example."""
    loaded = yaml.safe_load((Path(types.__file__).parent / "contract.yaml").read_text(encoding="utf-8"))
    body = loaded["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]
    return {**body["examples"]["bill.issued"]["value"], **change}


def test_each_type_of_event_is_read_as_what_it_is() -> None:
    moved, bill = read_event(MOVED), read_event(issued())
    assert isinstance(moved, CoreEvent) and isinstance(bill, BillIssued)
    assert (moved.move.version, bill.bill.amount_fen) == (2, 2000)
    page = EventPage.model_validate({"events": [MOVED, issued()], "next_cursor": "2", "has_more": False})
    assert page.events == (moved, bill)
    assert bill.model_dump(mode="json", exclude_unset=True).keys() == issued().keys()


def test_a_bill_needs_neither_a_case_nor_an_end() -> None:
    event = issued(case_no=None, request_id=None)
    event["bill"] = {**event["bill"], "expires_at": None}
    read = read_event(event)
    assert isinstance(read, BillIssued) and (read.case_no, read.request_id, read.bill.expires_at) == (None, None, None)


@pytest.mark.parametrize(
    "odd",
    [
        {**MOVED, "type": "parcel.lost"},
        {name: value for name, value in MOVED.items() if name != "type"},
        {**MOVED, "type": "bill.issued"},
        issued(type="case.moved"),
        issued(bill={**issued()["bill"], "amount_fen": 20.5}),
        issued(bill={**issued()["bill"], "amount_fen": 0}),
        issued(bill={**issued()["bill"], "issued_at": "2026-11-25"}),
        issued(seq=0),
    ],
)
def test_an_event_of_another_type_or_with_odd_content_is_not_read(odd: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_event(odd)
