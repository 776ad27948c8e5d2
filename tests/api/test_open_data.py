"""Open data: the whole catalogue for anyone, in two formats, never all of it in memory, and nothing left behind by a reader who goes away."""

import asyncio
import csv
import gc
import io
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import orjson
import pytest

from content import store as content_store
from content.open_data import etag, lines
from content.open_data_fields import FIELDS, MEANINGS, FieldDescription
from content.open_data_store import AT_ONCE, BATCH, Edition, OpenData, Snapshot
from content.store import Change, Content
from core.types import Item
from kit.clock import now
from kit.embedded import free_port
from kit.errors import Unavailable
from kit.ids import new_id
from kit.mongo import Mongo
from miniapp_api import wiring
from miniapp_api.app import create_app
from miniapp_api.settings import Settings
from miniapp_api.stack import Stack
from tests.api.house import Answer, House, until
from tests.api.test_bad_input import is_problem


def rows_of(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


async def test_json_lines_hold_every_live_item_whole_and_in_the_order_of_codes(house: House) -> None:
    async def read() -> tuple[Answer, list[dict[str, Any]]] | None:
        """Once the list knows what the store holds: another test may have added an item a moment ago."""
        answer = await house.api("GET", "/open/v1/items")
        items = [orjson.loads(line) for line in answer.body.splitlines()]
        total = (await house.api("GET", "/v1/items?limit=1")).json["total"]
        return (answer, items) if len(items) == total > 48 else None

    answer, items = await until(read)
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert [item["code"] for item in items] == sorted({item["code"] for item in items})
    whole = (await house.api("GET", f"/v1/items/{items[7]['code']}")).json
    assert set(items[7]) == set(Item.model_fields)
    assert items[7] == {name: value for name, value in whole.items() if name in Item.model_fields}


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/open/v1/items?format=csv", "application/json", "text/csv"),
        ("/open/v1/items", "text/csv", "text/csv"),
        ("/open/v1/items", "application/x-ndjson;q=0.5, text/csv", "text/csv"),
        ("/open/v1/items", "text/csv;q=0.5, */*", "application/x-ndjson"),
        ("/open/v1/items", "application/json", "application/x-ndjson"),
        ("/open/v1/items?format=jsonl", "text/csv", "application/x-ndjson"),
    ],
)
async def test_the_format_is_what_the_address_says_else_what_the_caller_prefers(house: House, path: str, accept: str, kind: str) -> None:
    answer = await house.api("GET", path, headers={"Accept": accept})
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (200, f"{kind}; charset=utf-8", "Accept")


async def test_csv_opens_in_a_spreadsheet_and_holds_the_same_as_the_json_lines(house: House) -> None:
    answer = await house.api("GET", "/open/v1/items?format=csv")
    assert answer.body.startswith(b"\xef\xbb\xbfcode,version,name,") and b"\r\n" in answer.body
    items = [orjson.loads(line) for line in (await house.api("GET", "/open/v1/items")).body.splitlines()]
    for row, item in zip(rows_of(answer), items, strict=True):
        assert list(row) == list(item)
        for name, value in item.items():
            told = row[name] if value is None or isinstance(value, str) else orjson.loads(row[name])
            assert told == ("" if value is None else value), name


async def test_a_region_is_chosen_and_an_unknown_one_is_empty(house: House) -> None:
    items = [orjson.loads(line) for line in (await house.api("GET", "/open/v1/items?region=990102")).body.splitlines()]
    assert items and {item["region"]["code"] for item in items} == {"990102"}
    nobody = await house.api("GET", "/open/v1/items?region=000000")
    assert (nobody.status, nobody.body) == (200, b"")
    assert rows_of(await house.api("GET", "/open/v1/items?region=000000&format=csv")) == []


async def test_who_has_it_is_told_304_until_something_changes(house: House) -> None:
    first = await house.api("GET", "/open/v1/items")
    tag = first.headers["etag"]
    assert tag.startswith('"') and first.headers["last-modified"].endswith("GMT") and 'rel="license"' in first.headers["link"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await house.api("GET", "/open/v1/items", headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert (await house.api("GET", "/open/v1/items?format=csv", headers={"If-None-Match": tag})).status == 200
    assert (await house.api("GET", "/open/v1/items?region=990102", headers={"If-None-Match": tag})).status == 200
    item = orjson.loads(first.body.splitlines()[0])
    await house.world("POST", "/world/core/items", item | {"name": item["name"] + "（新）"})

    async def changed() -> Answer | None:
        answer = await house.api("GET", "/open/v1/items", headers={"If-None-Match": tag})
        return answer if answer.status == 200 else None

    fresh = await until(changed)
    assert orjson.loads(fresh.body.splitlines()[0])["name"].endswith("（新）") and fresh.headers["etag"] != tag
    await house.world("POST", "/world/core/items", item)


async def test_a_head_gets_the_headers_alone_and_the_connection_goes_on(house: House) -> None:
    moving = {"x-request-id", "connection", "transfer-encoding"}
    for path in ("/open/v1/items", "/open/v1/items?format=csv", "/open/v1/items/fields", "/v1/items"):

        async def alike(path: str = path) -> bool:
            asked, told = await house.api("HEAD", path), await house.api("GET", path)
            assert (asked.status, asked.body) == (200, b"") and told.body
            heads = [{name: value for name, value in one.headers.items() if name not in moving} for one in (asked, told)]
            return heads[0] == heads[1]  # not while the catalogue moves between the two

        await until(alike)


@pytest.mark.parametrize("query", ["format=xml", "format=", "region=%01", "region=" + "9" * 21, "limit=5"])
async def test_a_wrong_parameter_is_a_422(house: House, query: str) -> None:
    answer = await house.api("GET", f"/open/v1/items?{query}")
    if query == "format=":
        assert answer.status == 200  # an empty parameter is none
        return
    assert answer.status == 422
    is_problem(answer)


@pytest.mark.parametrize("accept", [";;/", "text/csv;q=x", "/", "nothing"])
async def test_an_accept_header_that_is_none_is_a_422(house: House, accept: str) -> None:
    answer = await house.api("GET", "/open/v1/items", headers={"Accept": accept})
    assert answer.status == 422
    is_problem(answer)


async def test_the_fields_are_described_with_licence_date_and_count(house: House) -> None:
    told = (await house.api("GET", "/open/v1/items/fields")).json
    assert [field["name"] for field in told["fields"]] == list(Item.model_fields)
    assert "注明来源" in told["licence"] and told["as_of"].endswith("+08:00")
    assert told["count"] == len((await house.api("GET", "/open/v1/items")).body.splitlines())
    materials = next(field for field in told["fields"] if field["name"] == "materials")
    assert (materials["type"], materials["nullable"]) == ("array of object", True)
    assert "name" in {field["name"] for field in materials["fields"]}


def test_no_field_lacks_a_chinese_meaning_and_no_meaning_its_field() -> None:
    schema = Item.model_json_schema()
    models = {"Item": schema, **schema["$defs"]}
    stale = {(model, name) for model, meanings in MEANINGS.items() for name in meanings if name not in models[model]["properties"]}
    assert stale == set()

    def every(fields: tuple[FieldDescription, ...]) -> list[FieldDescription]:
        return [one for field in fields for one in (field, *every(field.fields))]

    assert [field.name for field in every(FIELDS) if not any("一" <= char <= "鿿" for char in field.meaning)] == []


def test_both_media_types_are_in_the_contract() -> None:
    from miniapp_api.app import ROUTES
    from miniapp_api.openapi import document

    operation = document(ROUTES, "0")["paths"]["/open/v1/items"]["get"]
    assert set(operation["responses"]["200"]["content"]) == {"application/x-ndjson", "text/csv"}
    assert "304" in operation["responses"] and "If-None-Match" in {one["name"] for one in operation["parameters"]}


def make_item(code: str, **fields: Any) -> dict[str, Any]:
    return Item.model_validate({"code": code, "version": 1, "name": "事项", "department": {"name": "局"}, **fields}).model_dump(mode="json")


async def fill(mongo: Mongo, items: list[dict[str, Any]], first: int = 1) -> None:
    await mongo.create_indexes(content_store.INDEXES)
    await Content(mongo).apply([Change(item["code"], 1, seq, item, b"{}") for seq, item in enumerate(items, first)], first)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
async def test_no_cell_of_the_csv_is_a_formula(mongo: Mongo, start: str) -> None:
    await fill(mongo, [make_item("I1", name=f'{start}HYPERLINK("http://x")', conditions=f"第一行\n{start}1", consult_phone=f"{start}86")])
    written = b"".join([piece async for piece in lines(await OpenData(mongo).snapshot(), "csv", None)])
    row = next(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert row["name"] == f'\'{start}HYPERLINK("http://x")' and row["consult_phone"] == f"'{start}86"
    assert row["conditions"] == f"第一行\n{start}1"  # inside a quoted cell it starts nothing
    assert row["fees"] == "" and row["faq"] == "[]"  # not recorded; none


async def test_what_changes_while_somebody_reads_is_not_in_what_they_read(mongo: Mongo) -> None:
    codes = [f"I{number:03}" for number in range(BATCH * 2 + 1)]
    await fill(mongo, [make_item(code) for code in codes])
    snapshot = await OpenData(mongo).snapshot()
    before = snapshot.edition
    pieces = lines(snapshot, "jsonl", None)
    read = [await anext(pieces)]
    await fill(mongo, [make_item(codes[-1], name="改过"), make_item("I9")], first=1000)
    read += [piece async for piece in pieces]
    items = [orjson.loads(line) for line in b"".join(read).splitlines()]
    assert [item["code"] for item in items] == codes and {item["name"] for item in items} == {"事项"}
    after = (await OpenData(mongo).snapshot()).edition
    assert etag(before, "jsonl", None) != etag(after, "jsonl", None)


async def test_only_what_is_live_is_given_away(mongo: Mongo) -> None:
    await fill(mongo, [make_item(code) for code in ("GONE", "LIVE", "OVER", "STILL")])
    await Content(mongo).apply([Change("GONE", 2, 100, None, None)], 2)
    for code, ends_at in (("OVER", now()), ("STILL", now() + timedelta(hours=1))):
        await mongo["items"].update_one({"_id": code}, {"$set": {"ends_at": ends_at}})
    export = OpenData(mongo)
    read = b"".join([piece async for piece in lines(await export.snapshot(), "jsonl", None)])
    assert [orjson.loads(line)["code"] for line in read.splitlines()] == ["LIVE", "STILL"] and await export.count(1) == 2


async def test_an_empty_catalogue_is_an_empty_answer(mongo: Mongo) -> None:
    snapshot = await OpenData(mongo).snapshot()
    assert snapshot.edition == Edition(0, 0, None)
    assert [piece async for piece in lines(snapshot, "jsonl", None)] == []


class Watched(OpenData):
    """Counts what is read and which were closed; may break off at a batch."""

    def __init__(self, mongo: Mongo) -> None:
        super().__init__(mongo)
        self.batches, self.break_at = 0, 0
        self.given: list[Snapshot] = []

    @property
    def closed(self) -> int:
        return sum(one.closed for one in self.given)

    async def snapshot(self) -> Snapshot:
        watched, whole = self, await super().snapshot()

        class Batches(Snapshot):
            async def batch(self, after: str, region: str | None) -> list[dict[str, Any]]:
                watched.batches += 1
                if watched.batches == watched.break_at:
                    raise OSError("the disk is gone")
                return await whole.batch(after, region)

        given = Batches(self._mongo, whole._session, whole.edition)
        self.given.append(given)
        return given


@asynccontextmanager
async def serving(stack: Stack, mongo: Mongo) -> AsyncIterator[tuple[str, Watched]]:
    """The API in this process over its own database, and the watched export it serves from."""
    told = {name.lower().removeprefix("zhangban_"): value for name, value in stack.env.items() if name.startswith(("ZHANGBAN_", "MONGO_", "REDIS_"))}
    deps = wiring.build(Settings.model_validate({**told, "mongo_database": mongo.database.name, "wechat_templates": {}, "alipay_templates": {}}))
    watched = Watched(deps.mongo)
    app: Any = create_app(replace(deps, open_data=watched), new_id("app").replace("_", "-"))
    app.config.TOUCHUP = False  # it rewrites Sanic's own classes, which works once in a process
    port = free_port()
    server: Any = await app.create_server("127.0.0.1", port, return_asyncio_server=True)
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    try:
        yield f"http://127.0.0.1:{port}", watched
    finally:
        await server.before_stop()
        server.close()
        await server.after_stop()
        await deps.close()


BATCHES = 60  # of 50 items of 10 KB: 30 MB, more than two sockets hold


async def much(mongo: Mongo) -> None:
    await fill(mongo, [make_item(f"I{number:05}", conditions="长" * 3300) for number in range(BATCHES * BATCH)])


async def test_many_items_are_read_as_fast_as_the_reader_takes_them_and_one_who_leaves_leaves_nothing(stack: Stack, mongo: Mongo) -> None:
    await much(mongo)
    async with serving(stack, mongo) as (api, watched), aiohttp.ClientSession() as http:
        async with http.get(f"{api}/open/v1/items") as reply:
            assert reply.status == 200, await reply.text()
            await reply.content.read(1000)
            reply.close()  # the tab is shut
        await until(lambda: _true(watched.closed == 1), 60)
        assert 1 <= watched.batches < BATCHES
        open_now = await mongo.client.admin.command({"aggregate": 1, "pipeline": [{"$currentOp": {"idleCursors": True}}], "cursor": {}})
        left = [one for one in open_now["cursor"]["firstBatch"] if str(one.get("ns")).startswith(f"{mongo.database.name}.items")]
        assert left == []
        async with http.get(f"{api}/open/v1/items") as reply:
            read = [line async for line in reply.content]
        assert len(read) == BATCHES * BATCH and watched.closed == 2


async def test_a_stream_that_breaks_looks_broken_and_not_finished(stack: Stack, mongo: Mongo) -> None:
    await fill(mongo, [make_item(f"I{number:05}") for number in range(BATCH * 3)])
    async with serving(stack, mongo) as (api, watched), aiohttp.ClientSession() as http:
        watched.break_at = 2
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            async with http.get(f"{api}/open/v1/items") as reply:
                await reply.read()
        assert watched.closed == 1
        async with http.get(f"{api}/open/v1/items") as reply:
            assert len((await reply.read()).splitlines()) == BATCH * 3


async def _true(value: bool) -> bool:
    return value


async def test_a_reader_found_gone_twice_leaves_nothing_open(mongo: Mongo) -> None:
    """Sanic cancels a connection's task when it is lost, also while the first notice of it is still being worked off."""
    await fill(mongo, [make_item(f"I{number:05}") for number in range(BATCH * 3)])
    snapshot = await OpenData(mongo).snapshot()
    reached = asyncio.Event()

    async def read() -> None:
        async with aclosing(lines(snapshot, "jsonl", None)) as pieces:
            async for _ in pieces:
                reached.set()
                await asyncio.Event().wait()

    reader = asyncio.create_task(read())
    await reached.wait()
    reader.cancel()
    await asyncio.sleep(0)  # it is closing now
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until(lambda: _true(snapshot.closed))


async def test_only_so_many_read_at_once_and_a_reader_who_leaves_makes_room(mongo: Mongo) -> None:
    data = OpenData(mongo)
    reading = [await data.snapshot() for _ in range(AT_ONCE)]
    with pytest.raises(Unavailable):
        await data.snapshot()
    await reading.pop().close()
    reading.append(await data.snapshot())
    lines(reading.pop(), "jsonl", None)  # the reader left before the first piece: never begun, so never ended
    gc.collect()
    reading.append(await data.snapshot())
    for one in reading:
        await one.close()
