"""The public progress query: tries are counted first, everything wrong is one answer, and nobody is named."""

import asyncio
from typing import Any

import pytest

from cases import progress_tries
from cases.progress import CODE_LENGTH, new_code, progress
from cases.progress_tries import PER_ADDRESS, PER_NUMBER, Tries, network_of
from kit.crypto import Keyring
from kit.errors import NotFound, TooMany
from kit.ids import new_id
from kit.mongo import Mongo
from kit.redis import Redis

NUMBER = "11010519491231002X"


class People:
    """P1 has a number, P2 is not known."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def id_number(self, person_id: str) -> str | None:
        self.asked.append(person_id)
        return NUMBER if person_id == "P1" else None


class Cases:
    """C1 is P1's, with a code; C2 is of an earlier release and of nobody."""

    def __init__(self) -> None:
        self.macs = 0
        self.rows: dict[str, dict[str, Any]] = {
            "C1": {"_id": "q1", "person_id": "P1", "state": "corrections", "progress_mac": "q1 ABCD2345"},
            "C2": {"_id": "q2", "person_id": "P2", "state": "accepted"},
        }

    async def by_number(self, case_no: str) -> dict[str, Any] | None:
        return self.rows.get(case_no)

    def progress_mac(self, request_id: str, secret: str) -> str:
        self.macs += 1
        return f"{request_id} {secret}"


@pytest.mark.parametrize("secret", ["ABCD2345", "abcd2345", " abcd-2345 ", "31002X", "31002x"])
async def test_the_code_of_the_receipt_or_the_end_of_the_id_number_opens(secret: str) -> None:
    found = await progress(Cases(), People(), "C1", secret)
    assert (found.state, found.state_text) == ("corrections", "待补正") and "补正" in found.next_step


@pytest.mark.parametrize(
    ("case_no", "secret"),
    [("C1", "ABCD2346"), ("C1", "1002X"), ("C1", NUMBER), ("C1", "-"), ("C1", " "), ("C9", "ABCD2345"), ("C9", "-"), ("C2", "-"), ("C2", "")],
)
async def test_everything_wrong_is_one_answer_after_the_same_work(case_no: str, secret: str) -> None:
    cases, people = Cases(), People()
    with pytest.raises(NotFound) as refused:
        await progress(cases, people, case_no, secret)
    assert (refused.value.code, refused.value.title) == ("progress_unknown", "办件编号或查询码不对，请对照受理回执核对后再查")
    assert (cases.macs, len(people.asked)) == (1, 1), "the work is counted, not timed"


def test_codes_are_read_from_paper_and_never_alike() -> None:
    made = {new_code() for _ in range(2000)}
    assert len(made) == 2000 and {len(code) for code in made} == {CODE_LENGTH}
    assert not set("".join(made)) & set("01OILU")


@pytest.fixture
async def away() -> Any:
    own = Redis("redis://127.0.0.1:1")
    yield own
    await own.close()


async def admitted(tries: Tries, asked: list[tuple[str, str]]) -> int:
    done = await asyncio.gather(*(tries.count(case_no, address) for case_no, address in asked), return_exceptions=True)
    assert all(one is None or isinstance(one, TooMany) for one in done), done
    return done.count(None)


@pytest.mark.parametrize("is_away", [False, True])
async def test_five_tries_for_a_number_and_thirty_from_an_address(is_away: bool, mongo: Mongo, keys: Keyring, redis_url: str, away: Redis) -> None:
    """All at once, and with Redis away."""
    await mongo.create_indexes(progress_tries.INDEXES)
    redis = away if is_away else Redis(redis_url)
    tries, own = Tries(redis, mongo, keys), new_id("C")
    assert await admitted(tries, [(own, f"10.0.0.{host}") for host in range(20)]) == PER_NUMBER
    assert await admitted(tries, [(f"{own}{number}", "10.0.1.1") for number in range(40)]) == PER_ADDRESS
    await redis.close()


async def test_losing_redis_gives_nobody_a_try_more(away: Redis, mongo: Mongo, keys: Keyring, redis_url: str) -> None:
    redis = Redis(redis_url)
    assert await admitted(Tries(redis, mongo, keys), [("mine", f"10.0.0.{host}") for host in range(4)]) == 4
    assert await admitted(Tries(away, mongo, keys), [("mine", f"10.0.0.{host}") for host in range(4)]) == 1
    await redis.close()


async def test_the_hour_begins_with_the_first_try_and_then_anew(away: Redis, mongo: Mongo, keys: Keyring) -> None:
    tries = Tries(away, mongo, keys)
    assert await admitted(tries, [("mine", f"10.0.0.{host}") for host in range(6)]) == 5
    await mongo["progress_tries"].update_many(
        {}, [{"$set": {"forget_at": {"$dateSubtract": {"startDate": "$forget_at", "unit": "hour", "amount": 1}}}}]
    )
    assert await admitted(tries, [("mine", f"10.0.0.{host}") for host in range(6)]) == 5


async def test_who_asks_too_often_does_not_use_up_another_s_number(away: Redis, mongo: Mongo, keys: Keyring) -> None:
    tries = Tries(away, mongo, keys)
    await admitted(tries, [(f"C{number}", "10.0.0.1") for number in range(31)])
    assert await admitted(tries, [("mine", "10.0.0.1")] * 10) == 0
    assert await admitted(tries, [("mine", "10.0.0.2")] * 5) == 5


async def test_neither_number_nor_address_is_stored(away: Redis, mongo: Mongo, keys: Keyring) -> None:
    await Tries(away, mongo, keys).count("C-CANARY", "10.9.8.7")
    rows = [row async for row in mongo["progress_tries"].find()]
    assert len(rows) == 2 and "CANARY" not in repr(rows) and "10.9.8.7" not in repr(rows)


def test_an_ipv6_line_is_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1")
    assert network_of("unknown") == "unknown"
