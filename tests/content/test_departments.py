"""Which departments there are: those whose items are in force."""

from content.store import Content
from content.sync import sync
from kit.mongo import Mongo
from tests.content.catalogue import Feed, days_from_now, days_pass, record, removed
from tests.content.items import Json, make_item


def of(code: str, department: str, version: int = 1) -> Json:
    return make_item(code, version, department={"name": department})


async def test_a_department_is_known_while_an_item_of_its_is_in_force(store: Content, mongo: Mongo) -> None:
    assert await store.departments() == set()
    ends = record(4, of("I4", "丁局"), effective_to=days_from_now(3))
    comes = record(5, of("I5", "戊局"), effective_from=days_from_now(3))
    first = (record(1, of("I1", "甲局")), record(2, of("I2", "甲局")), record(3, of("I3", "丙局")), ends, comes)
    await sync(store, Feed(*first))  # type: ignore[arg-type]  # the pretend core
    assert await store.departments() == {"甲局", "丙局", "丁局"}
    await sync(store, Feed(removed(6, "I3", 1), record(7, of("I2", "乙局", 2))))  # type: ignore[arg-type]  # as above
    assert await store.departments() == {"甲局", "乙局", "丁局"}
    await days_pass(mongo, 4)
    assert await store.departments() == {"甲局", "乙局"}
