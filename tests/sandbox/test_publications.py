"""What the pretend core makes public: whole, useful, and changed by hand through the world."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.publications import Publication, PublicationPage
from tests.sandbox.conftest import Private
from tests.sandbox.outside import Outside

SANDBOX = Path(__file__).parents[2] / "sandbox"
LINES = (SANDBOX / "publications.jsonl").read_text(encoding="utf-8").splitlines()
CODES = {json.loads(line)["code"] for file in (SANDBOX / "catalogue").glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("line", LINES, ids=[json.loads(line)["id"] for line in LINES])
def test_a_line_is_one_whole_publication_about_items_that_exist(line: str) -> None:
    raw = json.loads(line)
    assert line == json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    one = Publication.model_validate({**raw, "version": 1})
    assert set(raw) == set(Publication.model_fields) - {"version"} and set(one.item_codes) <= CODES
    assert one.region is not None and one.department is not None and one.region.code.startswith("9901")
    assert all(".example/" in file.url for file in one.attachments)
    assert one.intermediary is None or (one.intermediary.phone or "").startswith("0990-1234")


def test_every_kind_is_there_something_expired_and_something_unanswered() -> None:
    found = [Publication.model_validate({**json.loads(line), "version": 1}) for line in LINES]
    assert len({one.id for one in found}) == len(found) >= 24
    assert {one.kind for one in found} == {"notice", "policy", "intermediary", "exposure"}
    assert any(one.expires_at and one.expires_at.year < 2026 for one in found)
    assert any(one.exposure and one.exposure.reply is None for one in found)


async def pages(outside: Outside, limit: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        page = (await outside.core("GET", f"/publications?cursor={cursor}&limit={limit}")).json
        PublicationPage.model_validate(page)
        records, cursor, more = records + page["records"], page["next_cursor"], page["has_more"]
    return records


async def test_the_feed_gives_every_record_once_and_a_change_comes_at_its_end(private: Private) -> None:
    outside = private()
    first = await pages(outside, 7)
    assert len(first) == len(LINES) and [one["seq"] for one in first] == sorted(one["seq"] for one in first)
    changed = {**json.loads(LINES[0]), "title": "改了"}
    assert (await outside.world("POST", "/core/publications", changed))["version"] == 2
    await outside.world("POST", "/core/publications", changed)  # the same again changes nothing
    await outside.world("DELETE", f"/core/publications/{json.loads(LINES[1])['id']}")
    after = await pages(outside, 500)
    assert len(after) == len(first)
    assert [(one["op"], one["version"]) for one in after[-2:]] == [("upsert", 2), ("remove", 2)]


async def test_what_was_changed_by_hand_outlives_a_restart(private: Private) -> None:
    outside = private()
    await outside.world("DELETE", f"/core/publications/{json.loads(LINES[0])['id']}")
    before = await pages(outside, 500)
    outside.process.kill()
    outside.process.start()
    assert await pages(outside, 500) == before


async def test_an_incomplete_publication_and_a_strange_cursor_are_refused(outside: Outside) -> None:
    refused = await outside.call("POST", "/world/core/publications", {"id": "X", "kind": "exposure"})
    assert refused.status == 422 and len(refused.json["errors"]) == 4
    assert (await outside.call("DELETE", "/world/core/publications/NONE")).status == 404
    for query in ("cursor=x", "limit=0", "limit=501"):
        assert (await outside.core("GET", f"/publications?{query}")).status == 422
