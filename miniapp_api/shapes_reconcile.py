"""Shapes of reconciliation runs and discrepancies, for staff."""

from typing import Annotated, Any

from pydantic import Field

from miniapp_api.shapes import Asked, Line, Told


class Run(Told):
    day: str
    gateway: str
    state: str
    runs: int
    open: int
    totals: dict[str, Any] | None
    statement_sha256: str | None
    finished_at: str | None


class Runs(Told):
    items: list[Run]


class Step(Told):
    at: str
    by: str
    what: str
    text: str | None


class Discrepancy(Told):
    """`amounts` in fen: what the gateway, our ledger and the core say."""

    id: str
    kind: str
    kind_text: str
    why_text: str
    day: str
    gateway: str
    order_no: str | None
    refund_no: str | None
    amounts: dict[str, int | None]
    state: str
    state_text: str
    owner: str | None
    note: str | None
    history: list[Step]


class Discrepancies(Told):
    items: list[Discrepancy]
    next_cursor: str | None


class DiscrepancyQuery(Asked):
    """`state`: open, healed, explained, closed or all."""

    state: Annotated[str, Field(max_length=20, pattern=r"^[a-z_]*$")] = "open"
    day: Annotated[str, Field(max_length=10, pattern=r"^[0-9-]*$")] = ""
    kind: Annotated[str, Field(max_length=30, pattern=r"^[a-z_]*$")] = ""
    cursor: Annotated[str, Field(max_length=40, pattern=r"^[0-9]*$")] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class DiscrepancyTake(Asked):
    instead_of: Annotated[Line, Field(min_length=1, max_length=64)] | None = None


class DiscrepancyNote(Asked):
    text: Annotated[Line, Field(min_length=2, max_length=500)]
