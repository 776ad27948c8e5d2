"""The ledger: append-only, one line each time money moved or the core booked it. Every line takes from one account and adds to another.

    gateway ──paid──> transit ──settled──> core        gateway <──refunded── transit <──reversed── core

`transit` is what we owe somebody: zero once everything is done. So at any moment the sum of all lines says
paid − refunded = (settled − reversed) + transit, and after a quiet while paid − refunded = settled − reversed.
"""

from datetime import datetime
from typing import Any, Literal

from kit.clock import BEIJING, now

Kind = Literal["paid", "refunded", "settled", "reversed"]
_ACCOUNTS: dict[Kind, tuple[str, str]] = {
    "paid": ("gateway", "transit"),
    "settled": ("transit", "core"),
    "reversed": ("core", "transit"),
    "refunded": ("transit", "gateway"),
}


def line(kind: Kind, order: dict[str, Any], amount_fen: int, at: datetime, *, refund_no: str | None = None) -> dict[str, Any]:
    """A document of `ledger_entries`. Its `_id` exists once, so the same movement cannot be written twice. `at`: when the money moved."""
    debit, credit = _ACCOUNTS[kind]
    return {
        "_id": f"{kind}:{refund_no or order['_id']}",
        "kind": kind,
        "order_no": order["_id"],
        "refund_no": refund_no,
        "channel": order["channel"],
        "gateway": order["gateway"],
        "merchant": order["merchant"],
        "transaction_id": order["transaction_id"],
        "amount_fen": amount_fen,
        "debit": debit,
        "credit": credit,
        "at": at,
        "day": day_of(at),
        "written_at": now(),
    }


def day_of(moment: datetime) -> str:
    """The Beijing day, as statements and the core's book count it."""
    return moment.astimezone(BEIJING).date().isoformat()


def balances(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Fen per account; they always add up to zero."""
    totals = {"gateway": 0, "transit": 0, "core": 0}
    for entry in entries:
        totals[entry["debit"]] -= entry["amount_fen"]
        totals[entry["credit"]] += entry["amount_fen"]
    return totals
