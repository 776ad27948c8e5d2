"""Around a call by staff: an entry before, one after, and nothing done that is not in the audit."""

import asyncio

import pytest

from kit.errors import Conflict, Forbidden, Unavailable
from kit.mongo import Mongo
from miniapp_api.staff_calls import Act, under_audit
from staff.audit import Audit
from staff.roles import EVERYWHERE, GRANTED
from staff.sessions import StaffCaller

CASHIER = StaffCaller("st_1", "lin.cashier", frozenset({"cashier"}), GRANTED["cashier"], EVERYWHERE, False, "digest")


def make_act(method: str = "POST", number: str = "RF1") -> Act:
    return Act.of(f"{method} /staff/v1/refunds/<refund_no:str>", method, {"refund_no": number})


async def told(audit: Audit) -> list[tuple[str, str]]:
    return [(one.object, one.result) async for one in audit.entries()]


class Deed:
    def __init__(self, fails: BaseException | None = None) -> None:
        self.done, self.fails = 0, fails

    async def __call__(self) -> str:
        self.done += 1
        if self.fails is not None:
            raise self.fails
        return "answered"


async def test_a_write_stands_in_the_audit_before_and_after(audit: Audit) -> None:
    act, during = make_act(), []

    async def deed() -> str:
        during.extend(await told(audit))
        act.object = "RF1 O1"
        return "answered"

    await under_audit(audit, CASHIER, "refund.request", act, deed)
    assert during == [("RF1", "begun")]
    assert await told(audit) == [("RF1", "begun"), ("RF1 O1", "done")]
    first, _ = [one async for one in audit.entries()]
    assert (first.who, first.roles, first.action) == ("lin.cashier", ("cashier",), "POST /staff/v1/refunds/<refund_no:str>")


async def test_a_read_leaves_one_entry(audit: Audit) -> None:
    await under_audit(audit, CASHIER, "orders.read", make_act("GET"), Deed())
    assert await told(audit) == [("RF1", "begun")]


async def test_without_the_permission_nothing_is_done_and_the_try_is_told(audit: Audit) -> None:
    deed = Deed()
    with pytest.raises(Forbidden, match="staff_not_allowed"):
        await under_audit(audit, CASHIER, "refund.approve", make_act(), deed)
    assert deed.done == 0 and await told(audit) == [("RF1", "refused staff_not_allowed")]


async def test_before_the_first_own_password_nothing_with_a_permission_is_done(audit: Audit) -> None:
    fresh = StaffCaller("st_1", "lin.cashier", CASHIER.roles, CASHIER.permissions, EVERYWHERE, True, "digest")
    deed = Deed()
    with pytest.raises(Forbidden, match="staff_password_change_needed"):
        await under_audit(audit, fresh, "refund.request", make_act(), deed)
    assert deed.done == 0
    await under_audit(audit, fresh, None, make_act(), deed)
    assert deed.done == 1


async def test_a_refusal_of_the_rule_is_told_with_its_code(audit: Audit) -> None:
    with pytest.raises(Conflict):
        await under_audit(audit, CASHIER, "refund.request", make_act(), Deed(Conflict("refund_is_more", "…")))
    assert await told(audit) == [("RF1", "begun"), ("RF1", "refused refund_is_more")]


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError()])
async def test_what_breaks_is_told_and_goes_on_breaking(audit: Audit, error: BaseException) -> None:
    with pytest.raises(type(error)):
        await under_audit(audit, CASHIER, "refund.request", make_act(), Deed(error))
    assert await told(audit) == [("RF1", "begun"), ("RF1", "failed")]


async def test_a_process_that_dies_in_the_middle_leaves_the_beginning_and_the_chain_goes_on(audit: Audit) -> None:
    """As a kill does: the coroutine is never run to its end."""
    waiting = asyncio.Event()

    async def deed() -> str:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    call = under_audit(audit, CASHIER, "refund.request", make_act(), deed)
    task = asyncio.ensure_future(call)
    await waiting.wait()
    assert await told(audit) == [("RF1", "begun")]
    await under_audit(audit, CASHIER, "refund.request", make_act(number="RF2"), Deed())
    assert (await audit.verify()).first_broken is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def close_audit(mongo: Mongo, closed: bool = True) -> None:
    """The database takes no entry any more."""
    await mongo.database.command("collMod", "staff_audit", validator={"_id": "never"} if closed else {})


async def test_what_cannot_be_audited_is_not_done(audit: Audit, mongo: Mongo) -> None:
    await close_audit(mongo)
    deed = Deed()
    with pytest.raises(Unavailable, match="audit_unavailable"):
        await under_audit(audit, CASHIER, "refund.request", make_act(), deed)
    assert deed.done == 0


async def test_what_was_done_is_answered_even_if_its_end_cannot_be_written(audit: Audit, mongo: Mongo) -> None:
    """An outage between the two entries: the first one stands, and says that the outcome is unknown."""

    async def deed() -> str:
        await close_audit(mongo)
        return "answered"

    assert (await under_audit(audit, CASHIER, "refund.request", make_act(), deed)) == "answered"
    await close_audit(mongo, False)
    assert await told(audit) == [("RF1", "begun")]


@pytest.mark.parametrize("typed", ["张三", "a b", "x" * 65, "", "a/b", "<script>"])
async def test_what_is_no_id_stays_out_of_the_audit(typed: str) -> None:
    assert make_act(number=typed).object == "?"
