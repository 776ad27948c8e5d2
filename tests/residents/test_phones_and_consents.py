"""A contact phone and what changing it starts; what people agreed to; kiosks."""

import base64
import hashlib
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kit.alipay import Alipay
from kit.alipay_sealed import _decrypted, opened
from kit.clock import now
from kit.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthorized, Unavailable
from kit.http import Http
from kit.ids import new_nonce
from residents import consents, cooling, kiosks, phone, policies, sessions
from residents.consents import Given
from residents.kiosks import Signed
from residents.sessions import Caller
from tests.payments.alipay_merchant import make_account, sign
from tests.residents.town import Citizen, Died, Town

AES = b"0123456789abcdef"
ONE, OTHER = "13800138000", "13900139000"


class Phones:
    """WeChat, with a phone behind every code."""

    async def call(self, path: str, content: dict[str, str]) -> dict[str, object]:
        return {"phone_info": {"phoneNumber": content["code"], "countryCode": 86}}


async def set_phone(town: Town, caller: Caller, number: str) -> None:
    await phone.set_from_wechat(town.joining, Phones(), caller, number)  # type: ignore[arg-type]  # a pretend WeChat


async def is_cooling(town: Town, caller: Caller) -> bool:
    try:
        await cooling.check(town.store, caller.resident_id, "refund")
    except Forbidden as exc:
        assert exc.code == "cooling_down" and "以后才能申请退款" in exc.title
        return True
    return False


async def test_the_first_phone_is_no_change_and_the_same_one_again_is_none(town: Town) -> None:
    caller, _ = await town.make_bound()
    for number in (ONE, f"+86 {ONE}", f"0086-{ONE}"):
        await set_phone(town, caller, number)
        assert not await is_cooling(town, caller)
    resident = await town.store.resident(caller.resident_id)
    assert resident is not None and resident.phone == ONE and "phone_changed" not in town.diary.kinds()


async def test_another_phone_cools_the_person_on_every_channel_and_is_told(town: Town) -> None:
    """Abuse 8: a recycled number gets at nothing at once."""
    here, citizen = await town.make_bound()
    there, _ = await town.make_bound(citizen, "alipay")
    await set_phone(town, here, ONE)
    await set_phone(town, there, ONE)
    assert not await is_cooling(town, there)
    await set_phone(town, there, OTHER)
    assert await is_cooling(town, here) and await is_cooling(town, there)
    assert [(one.kind, one.person_id) for one in town.diary.changes if one.kind == "phone_changed"] == [("phone_changed", citizen.id)]
    await town.store.mongo["residents"].update_many({}, {"$set": {"cooling_until": now()}})
    assert not await is_cooling(town, here)


async def test_an_account_joined_with_another_phone_cools_too(town: Town) -> None:
    here, citizen = await town.make_bound()
    await set_phone(town, here, ONE)
    fresh = await town.sign_in(channel="alipay")
    await set_phone(town, fresh, OTHER)
    assert not await is_cooling(town, fresh)
    await town.bind(fresh, citizen)
    assert await is_cooling(town, here)


async def test_whoever_takes_over_a_number_sees_nothing_of_whoever_had_it(town: Town) -> None:
    before, _ = await town.make_bound()
    await set_phone(town, before, ONE)
    after = await town.sign_in()
    await set_phone(town, after, ONE)
    assert (await town.again(after)).person_id is None and await town.store.phones(None, None, after.resident_id) == {ONE}


async def test_a_change_that_dies_half_way_keeps_the_old_phone(town: Town) -> None:
    caller, _ = await town.make_bound()
    await set_phone(town, caller, ONE)
    town.diary.dies = True
    with pytest.raises(Died):
        await set_phone(town, caller, OTHER)
    assert await town.store.phones(None, None, caller.resident_id) == {ONE} and not await is_cooling(town, caller)


@pytest.mark.parametrize("number", ["", "abc", "1380013800x", "１３８００１３８０００", "1" * 20, "+"])
async def test_what_is_no_phone_is_not_kept(town: Town, number: str) -> None:
    caller = await town.sign_in()
    with pytest.raises(Unavailable):
        await set_phone(town, caller, number)


def test_a_foreign_number_keeps_its_country() -> None:
    assert phone.tidy("+852 5123 4567") == "+85251234567" and phone.tidy("0086 5123 4567") == "008651234567"


# Alipay's my.getPhoneNumber


def sealed(plain: object, key: bytes = AES) -> str:
    padder, cipher = padding.PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    padded = padder.update(json.dumps(plain).encode()) + padder.finalize()
    return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


def response(content: str, signed_text: str | None = None) -> str:
    return json.dumps(
        {"response": content, "sign": sign("platform", (signed_text or f'"{content}"').encode()), "sign_type": "RSA2", "charset": "UTF-8"}
    )


@pytest.fixture
def alipay() -> Alipay:
    return Alipay(Http([]), make_account("http://127.0.0.1:1/gateway.do"))


def test_the_documents_sample_opens() -> None:
    """Alipay's published example of content encryption, with its key."""
    given = "sb44umJUD7auqhU6RDzOGa1sxXOWIxth2OsK89GQTNPRxZi2dPdOL4ira86T2iPggMr+qCFgt5esijRcw3SGIA=="
    assert json.loads(_decrypted(base64.b64decode("MDEyMzQ1Njc4OWFiY2RlZg=="), given)) == {"code": "10000", "msg": "Success", "mobile": ONE}


async def test_a_phone_from_alipay_is_kept_when_alipay_signed_it(town: Town, alipay: Alipay) -> None:
    caller = await town.sign_in(channel="alipay")
    given = response(sealed({"code": "10000", "msg": "Success", "mobile": ONE}))
    await phone.set_from_alipay(town.joining, alipay, AES, caller, given)
    assert await town.store.phones(None, None, caller.resident_id) == {ONE}


async def test_nothing_else_is_taken_for_alipays_word(town: Town, alipay: Alipay) -> None:
    caller = await town.sign_in(channel="alipay")
    good = sealed({"code": "10000", "msg": "Success", "mobile": ONE})
    forged = json.dumps({"response": good, "sign": base64.b64encode(b"x" * 256).decode()})
    refusal = json.dumps({"code": "40003", "msg": "Insufficient Conditions", "subCode": "isv.invalid-auth-relations"})
    other_key = sealed({"code": "10000", "mobile": ONE}, b"fedcba9876543210")
    for bad in (forged, response(good, good), response(refusal, refusal), response(other_key), "", "[]", "{}", '{"response": 1}', "x" * 50):
        with pytest.raises(Invalid, match="phone_code_refused"):
            await phone.set_from_alipay(town.joining, alipay, AES, caller, bad)
    assert opened(alipay, AES, response(refusal, refusal)) == json.loads(refusal), "an honest refusal is read"
    with pytest.raises(Unavailable):
        await phone.set_from_alipay(town.joining, alipay, b"", caller, response(good))
    assert await town.store.phones(None, None, caller.resident_id) == set()


# consents


def test_every_text_has_a_title_and_is_named_by_its_hash() -> None:
    for purpose, policy in policies.newest(policies.FOLDER).items():
        raw = (policies.FOLDER / f"{purpose}-{policy.version}.md").read_bytes()
        assert policy.text_hash == hashlib.sha256(raw).hexdigest() and policy.text.startswith(f"# {policy.title}\n") and len(policy.text) > 200


# What people agreed to may not change under them: a new text is a new file.
KEPT = {
    "courier-1.md": "b1e576bef3c5aed371a5ee1924c3a9aa71926eddd091522fbec12d166d8369d4",
    "minor-1.md": "19b4247c6007f922998c981e1e7366065ebe2225719a234c2f2dc6a57e8719bd",
    "privacy-1.md": "d088eca1cdcf8dfd5d345b00af0df9bf519a995e2113523e7c6b02dd944f4fe1",
    "sensitive-1.md": "e55b17418b6ef56cfeb61e05069ac99f94b4214a40a063eb0163c632e5d0e3eb",
}


def test_no_text_is_changed_once_people_may_have_agreed_to_it() -> None:
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in policies.FOLDER.iterdir()} == KEPT


async def test_a_consent_names_todays_text_and_is_kept_once(town: Town) -> None:
    caller = await town.sign_in()
    policy = policies.current("sensitive")
    for wrong in (Given(policy.version + 1, policy.text_hash), Given(policy.version, "0" * 64)):
        with pytest.raises(Conflict, match="policy_changed"):
            await consents.give(town.acting, caller, "sensitive", wrong)
    with pytest.raises(Forbidden, match="consent_needed"):
        await consents.ensure(town.store, caller, "sensitive", None, asked=True)
    await consents.ensure(town.store, caller, "sensitive", None, asked=False)
    for _ in range(2):
        await consents.give(town.acting, caller, "sensitive", Given(policy.version, policy.text_hash.upper()))
    await consents.ensure(town.store, caller, "sensitive", None, asked=True)
    (row,) = await town.store.consents.history(None, caller.resident_id)
    assert (row["purpose"], row["version"], row["text_hash"], row["channel"]) == ("sensitive", policy.version, policy.text_hash, "wechat")


async def test_what_was_agreed_to_before_is_the_persons_and_withdrawing_keeps_the_record(town: Town) -> None:
    policy = policies.current("sensitive")
    caller = await town.sign_in()
    await consents.give(town.acting, caller, "sensitive", Given(policy.version, policy.text_hash))
    bound = await town.bind(caller, citizen := town.make_citizen())
    elsewhere, _ = await town.make_bound(citizen, "alipay")
    await consents.ensure(town.store, elsewhere, "sensitive", None, asked=True)
    for _ in range(2):
        await town.store.consents.withdraw(citizen.id, elsewhere.resident_id, "sensitive")
    with pytest.raises(Forbidden, match="consent_needed"):
        await consents.ensure(town.store, bound, "sensitive", None, asked=True)
    (row,) = await town.store.consents.history(citizen.id, "")
    assert row["withdrawn_at"] is not None


# kiosks


async def kiosk_of(town: Town) -> tuple[str, bytes]:
    return await kiosks.add(town.store, "市民之家一楼")


def signed(device: str, key: bytes, *said: str, at: float | None = None) -> Signed:
    bare = Signed(device, str(int(time.time() if at is None else at)), new_nonce(), "")
    return replace(bare, signature=kiosks.sign(key, bare, said))


async def at_kiosk(town: Town, citizen: Citizen) -> tuple[str, bytes, str]:
    device, key = await kiosk_of(town)
    who = (citizen.name, citizen.id_number)
    started = await kiosks.start(town.store, town.core, signed(device, key, *who), who, (None, False))
    return device, key, started.challenge


async def test_a_person_confirms_and_is_at_the_kiosk_for_ten_minutes(town: Town) -> None:
    on_phone, citizen = await town.make_bound()
    device, key, challenge = await at_kiosk(town, citizen)
    assert await kiosks.finish(town.joining, town.core, signed(device, key, challenge), challenge) is None
    town.pretend.answer(citizen)
    done = await kiosks.finish(town.joining, town.core, signed(device, key, challenge), challenge)
    assert done is not None and timedelta(minutes=9) < done.expires_at - now() <= timedelta(minutes=10)
    caller = await sessions.caller_of(town.store, town.redis, done.token)
    assert (caller.channel, caller.person_id) == ("kiosk", citizen.id) and caller.resident_id != on_phone.resident_id
    assert (town.diary.changes[-1].kind, town.diary.changes[-1].detail) == ("kiosk_login", "市民之家一楼")
    with pytest.raises(NotFound):
        await kiosks.finish(town.joining, town.core, signed(device, key, challenge), challenge)


async def test_whoever_was_never_here_can_sign_in_at_a_kiosk_and_half_way_is_not_at_all(town: Town) -> None:
    citizen = town.make_citizen()
    device, key, challenge = await at_kiosk(town, citizen)
    town.pretend.answer(citizen)
    town.diary.dies = True
    with pytest.raises(Died):
        await kiosks.finish(town.joining, town.core, signed(device, key, challenge), challenge)
    assert await town.store.person(citizen.id) is None
    town.diary.dies = False
    assert await kiosks.finish(town.joining, town.core, signed(device, key, challenge), challenge) is not None
    assert await town.store.person(citizen.id) is not None


async def test_a_kiosk_is_believed_by_its_signature_within_five_minutes_and_once(town: Town) -> None:
    citizen = town.make_citizen()
    device, key = await kiosk_of(town)
    other, other_key = await kiosk_of(town)
    who = (citizen.name, citizen.id_number)
    good = signed(device, key, *who)
    assert await kiosks.start(town.store, town.core, good, who, (None, False))
    late = time.time() - kiosks.SKEW - 5
    for bad in (
        good,
        signed(device, other_key, *who),
        signed(device, key, "王大明", citizen.id_number),
        signed(device, key, *who, at=late),
        signed(device, key, *who, at=time.time() + kiosks.SKEW + 5),
        signed("k_nobody", key, *who),
        replace(signed(device, key, *who), signature="0" * 64),
    ):
        with pytest.raises(Unauthorized, match="kiosk_refused"):
            await kiosks.start(town.store, town.core, bad, who, (None, False))
    await town.store.kiosks.disable(other)
    with pytest.raises(Unauthorized, match="kiosk_refused"):
        await kiosks.start(town.store, town.core, signed(other, other_key, *who), who, (None, False))


async def test_another_kiosk_cannot_finish_what_one_began(town: Town) -> None:
    citizen = town.make_citizen()
    _, _, challenge = await at_kiosk(town, citizen)
    town.pretend.answer(citizen)
    other, other_key = await kiosk_of(town)
    with pytest.raises(NotFound):
        await kiosks.finish(town.joining, town.core, signed(other, other_key, challenge), challenge)


async def test_at_a_kiosk_a_number_is_asked_for_five_times_an_hour_and_consent_comes_first(town: Town) -> None:
    citizen, (device, key) = town.make_citizen(), await kiosk_of(town)
    who, policy = (citizen.name, citizen.id_number), policies.current("sensitive")
    with pytest.raises(Forbidden, match="consent_needed"):
        await kiosks.start(town.store, town.core, signed(device, key, *who), who, (None, True))
    for _ in range(5):
        await kiosks.start(town.store, town.core, signed(device, key, *who), who, (Given(policy.version, policy.text_hash), True))
    with pytest.raises(TooMany):
        await kiosks.start(town.store, town.core, signed(device, key, *who), who, (None, False))
