"""What the world remembers outlives kill -9; a reset forgets its people and cases, not its accounts and items."""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.accounts import accounts
from sandbox.book import Book
from sandbox.core_items import BadCatalogue, Items, read
from tests.sandbox.conftest import Private
from tests.sandbox.outside import ROOT, Outside, until
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_core import changes

LEDGERS = ("core", "wechat", "alipay", "messages", "webhooks")
MOVED = {
    "thing1": {"value": "某事项"},
    "phrase2": {"value": "已受理"},
    "time3": {"value": "15:04"},
    "thing4": {"value": "请留意"},
    "character_string5": {"value": "A1"},
}


def restart(outside: Outside) -> Outside:
    outside.process.kill()
    return Outside(outside.process.start(), outside.http)


async def test_people_accounts_cases_ledgers_and_tokens_outlive_kill_9(private: Private) -> None:
    outside = private()
    person = await outside.person(consents=1)
    spent, unspent, phone = await outside.wechat_code(person), await outside.wechat_code(person), await outside.wechat_code(person, "phone")
    openid, token = (await outside.log_in(spent))["openid"], (await outside.stable_token())["access_token"]
    template = outside.accounts["wechat"]["templates"]["case_moved"]
    assert (await outside.subscribe_send(token, touser=openid, template_id=template, data=MOVED))["errcode"] == 0
    auth = await outside.auth_code(person)
    body = await outside.submission(person)
    case = (await outside.submit(body)).json
    case = (await outside.move(case, "accepted")).json
    nonce = "once-and-never-again"
    assert (await outside.core("GET", "/items?limit=1", nonce=nonce)).status == 200
    before = {party: await outside.ledger(party) for party in LEDGERS}
    keys, people, events, items = outside.accounts, await outside.world("GET", "/people"), await outside.all_events(), await changes(outside, "")
    assert all(before[party] for party in ("core", "wechat", "messages")) and len(events) == 1

    outside = restart(outside)
    assert await outside.world("GET", "/accounts") == outside.accounts == keys
    assert await outside.world("GET", "/people") == people
    assert {party: await outside.ledger(party) for party in LEDGERS} == before
    assert (await outside.core("GET", f"/cases/{case['case_no']}")).json == case
    assert await outside.all_events() == events
    assert await changes(outside, "") == items
    again = await outside.submit(body)
    assert (again.status, again.json) == (200, case)
    assert (await outside.stable_token())["access_token"] == token
    assert (await outside.log_in(spent))["errcode"] == 40163
    assert (await outside.log_in(unspent))["openid"] == openid
    assert (await outside.phone_of(phone, token))["phone_info"]["phoneNumber"] == person["phone"]
    assert "access_token" in (await outside.alipay("alipay.system.oauth.token", grant_type="authorization_code", code=auth)).body.decode()
    assert (await outside.subscribe_send(token, touser=openid, template_id=template, data=MOVED))["errcode"] == 43101
    assert (await outside.core("GET", "/items?limit=1", nonce=nonce)).json["code"] == "nonce_replayed"
    assert (await outside.case(person))["case_no"] != case["case_no"]


async def test_events_nobody_took_are_told_again_after_a_kill_and_those_taken_are_not(private: Private) -> None:
    receiver = await Receiver().start()
    try:
        outside = private("--core-webhook", receiver.url)
        taken, refused = await outside.case(), await outside.case()
        await outside.move(taken, "accepted")
        await until(lambda: outside.ledger("webhooks"))
        receiver.answers = [500]
        await outside.move(refused, "accepted")

        async def both() -> bool:
            return len(await outside.ledger("webhooks")) == 2

        await until(both)
        outside = restart(outside)

        async def told_again() -> bool:
            return len(receiver.of(refused)) == 2

        await until(told_again)
        assert len(receiver.of(taken)) == 1
        first, second = receiver.of(refused)
        assert first.event == second.event
        assert second.signed_with(outside.accounts["core"]["webhook_secret"])
    finally:
        await receiver.stop()


def catalogue(folder: Path, *items: dict[str, Any]) -> tuple[Items, list[Any]]:
    """The items as a process that begins on this folder has them, and the codes, ops and versions of its feed."""
    found, book = Items(Book(folder)), Book(folder)
    found.load(list(items), "file")
    return found, [(one["code"], one["op"], one["version"]) for _, one in book.every("feed")]


def an_item(code: str, name: str = "某事项") -> dict[str, Any]:
    return {"code": code, "name": name, "department": {"name": "某局"}}


def test_a_restart_with_the_same_items_changes_nothing_and_one_with_others_only_the_difference(tmp_path: Path) -> None:
    first = [an_item("A"), an_item("B"), an_item("C")]
    _, before = catalogue(tmp_path, *first)
    assert before == [("A", "upsert", 1), ("B", "upsert", 1), ("C", "upsert", 1)]
    assert catalogue(tmp_path, *first)[1] == before
    _, after = catalogue(tmp_path, an_item("A"), an_item("B", "某事项（新）"), an_item("D"))
    assert after == [("A", "upsert", 1), ("B", "upsert", 2), ("D", "upsert", 1), ("C", "remove", 2)]
    _, back = catalogue(tmp_path, *first)
    assert back == [("A", "upsert", 1), ("B", "upsert", 3), ("C", "upsert", 3), ("D", "remove", 2)]


def test_what_was_changed_by_hand_stays_so_over_a_restart_with_the_same_items(tmp_path: Path) -> None:
    items, _ = catalogue(tmp_path, an_item("A"), an_item("B"))
    items._upsert(an_item("A", "改过的名称"), "by hand")
    items._remove("B", "by hand")
    again, feed = catalogue(tmp_path, an_item("A"), an_item("B"))
    assert feed == [("A", "upsert", 2), ("B", "remove", 2)]
    assert again.record("A") == items.record("A") and again.record("B") is None


async def test_a_reset_forgets_people_cases_and_ledgers_and_keeps_accounts_and_items(private: Private) -> None:
    outside = private()
    person = await outside.person()
    code, case = await outside.wechat_code(person), await outside.case(person)
    await outside.move(case, "accepted")
    keys, items = await outside.world("GET", "/accounts"), await changes(outside, "")
    await outside.world("PUT", "/faults", {"alipay": {"down": True}})
    assert await outside.world("POST", "/reset") == {"reset": True}
    assert (await outside.world("GET", "/people"), await outside.all_events()) == ({"people": []}, [])
    assert (await outside.core("GET", f"/cases/{case['case_no']}")).status == 404
    assert (await outside.core("GET", f"/cases?request_id={case['request_id']}")).json == {"cases": []}
    assert [await outside.ledger(party) for party in LEDGERS] == [[], [], [], [], []]
    assert (await outside.world("GET", "/faults"))["alipay"]["down"] is False
    assert (await outside.log_in(code))["errcode"] == 40029
    assert await outside.world("GET", "/accounts") == keys
    assert await changes(outside, "") == items
    assert (await outside.case())["case_no"] != case["case_no"]  # numbers are not given twice


async def test_people_are_listed_the_newest_first_with_what_waits_for_them(outside: Outside) -> None:
    made = [await outside.person() for _ in range(6)]
    asked = {"name": made[3]["name"], "id_number": made[3]["id_number"], "channel": "wechat"}
    await outside.core("POST", "/identity/challenges", asked)
    listed = (await outside.world("GET", "/people"))["people"][:6]
    assert [one["person"] for one in listed] == [one["person"] for one in made[::-1]]
    assert [one["pending"] for one in listed] == [0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    "wanted",
    [{"id_number": "990100199001011110"}, {"id_number": "1"}, {"id_number": 5}, {"name": 5}, {"phone": []}, {"consents": -1}, {"consents": True}],
)
async def test_a_person_that_cannot_be_is_refused_and_not_made(outside: Outside, wanted: Any) -> None:
    before = len((await outside.world("GET", "/people"))["people"])
    reply = await outside.call("POST", "/world/people", wanted)
    assert (reply.status, reply.json["code"]) == (422, "bad_person")
    assert len((await outside.world("GET", "/people"))["people"]) == before


async def test_two_people_never_share_an_id_number(outside: Outside) -> None:
    person = await outside.person()
    assert (await outside.call("POST", "/world/people", {"id_number": person["id_number"]})).status == 409


async def test_accounts_are_random_recognisable_and_readable_by_their_owner_only(outside: Outside, tmp_path: Path) -> None:
    mine, other = outside.accounts, accounts(tmp_path)
    assert mine["wechat"]["appid"].startswith("wxsandbox")
    assert mine["alipay"]["app_id"].startswith("9021") and len(mine["alipay"]["app_id"]) == 16
    assert mine["core"]["client_id"].startswith("sandbox-")
    for party, name in (("wechat", "secret"), ("core", "secret"), ("core", "webhook_secret"), ("alipay", "app_private_key")):
        assert mine[party][name] != other[party][name]
    for name in ("accounts.json", "alipay-platform-key.pem"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert accounts(tmp_path) == other


def test_what_is_written_together_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.put("kind", "a", {"n": 1})
    with pytest.raises(ZeroDivisionError), book.together():
        book.put("kind", "a", {"n": 2})
        book.write("party", "entry")
        _ = 1 / 0
    assert book.get("kind", "a") == {"n": 1}
    assert book.entries("party") == []
    assert book.take("kind", "a") == {"n": 1}
    assert book.take("kind", "a") is None
    assert (book.add("kind", "b", {}), book.add("kind", "b", {})) == (True, False)
    book.close()
    with pytest.raises(sqlite3.ProgrammingError):
        book.get("kind", "b")


def sandbox(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)


def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = sandbox("--port", str(taken.getsockname()[1]), "--data", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "已被占用" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", [("--port", "80000"), ("--port", "0", "--host", "999.0.0.1")])
def test_an_address_nobody_can_listen_on_is_said_in_a_sentence(tmp_path: Path, where: tuple[str, ...]) -> None:
    ended = sandbox(*where, "--data", str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "监听" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("line", ["no json", '{"TASK_CODE": "A1"}', "[]", "5", '{"name": "no code"}', '{"code": 5, "name": "x"}'])
def test_items_that_cannot_be_read_are_named_by_their_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"code":"A0","name":"x","department":{"name":"y"}}\n\n' + line + "\n")
    with pytest.raises(BadCatalogue, match="第 3 行"):
        read(file)


def test_guangdong_lines_and_lines_of_the_contract_may_stand_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"TASK_CODE":"A1","TASK_NAME":"甲","DEPT_NAME":" 某局 "}\n{"code":"B1","name":"乙"}\n')
    assert [(one["code"], one["name"]) for one in read(file)] == [("A1", "甲"), ("B1", "乙")]


def test_a_sandbox_whose_items_cannot_be_read_says_so_and_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text("no json\n")
    ended = sandbox("--port", "0", "--data", str(tmp_path / "data"), "--items", str(file))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "第 1 行" in ended.stderr and "Traceback" not in ended.stderr


async def test_a_terminated_sandbox_ends_by_itself(private: Private) -> None:
    outside = private()
    person = await outside.person()
    await asyncio.sleep(0.1)  # the server answers a moment before it heeds signals
    assert outside.process.kill(signal.SIGTERM) == 0
    assert not (outside.process.folder / "world.db-wal").exists()  # the book was closed
    outside.process.start()
    assert [one["person"] for one in (await outside.world("GET", "/people"))["people"]] == [person["person"]]
