"""Asking the core to let somebody confirm that it is them. Whether a pair of name and number exists shows nowhere: same answer, same count, same time."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from core.client import Core
from core.types import ChallengeState
from kit.clock import BEIJING, now
from kit.errors import FieldError, Forbidden, Invalid, NotFound, Outside, Refused, Unavailable
from residents.challenge_store import Kind, PendingChallenge
from residents.store import Residents

LIMIT = 5  # started challenges an hour, per account and per ID number
KIOSK_LIMIT = 120  # of a kiosk, which has a queue before it
_TOO_MANY = "认证发起得太频繁，请一小时后再试；不是本人操作请致电 12345"
_NAME = re.compile(r"^[㐀-鿿豈-﫿\U00020000-\U000323af·•]{2,30}$|^[A-Za-z][A-Za-z .'·-]{1,60}$")
_WIDE = str.maketrans("０１２３４５６７８９ｘＸ．•・", "0123456789xX.··")


@dataclass(frozen=True, slots=True)
class Started:
    challenge: str
    method: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants something confirmed, and by whom. `resident_id` starts it; `name` and `id_number` are whose word is wanted."""

    kind: Kind
    resident_id: str
    channel: str
    name: str
    id_number: str
    about: dict[str, Any]


async def start(store: Residents, core: Core, asked: Asked) -> Started:
    """The answer is the same for a right and a wrong pair. Raises TooMany, Invalid, Unavailable."""
    by_account = (f"challenge_{asked.kind}", asked.resident_id, KIOSK_LIMIT if asked.kind == "kiosk" else LIMIT)
    counted = [by_account, ("step_up" if asked.kind == "step_up" else "id_number", asked.id_number, LIMIT)]
    await store.tries.begin(counted, _TOO_MANY)
    try:
        challenge = await core.start_challenge(asked.name, asked.id_number, asked.channel)
    except Refused as exc:
        raise Invalid("identity_refused", "政务平台没有接受这组姓名和身份证号，请核对后再试") from exc
    except Outside as exc:
        await store.tries.take_back(counted)
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5) from exc
    kept = (challenge.challenge, challenge.expires_at)
    own = await store.challenges.add(asked.kind, asked.resident_id, kept, (asked.name, asked.id_number), asked.about)
    return Started(own, challenge.method, challenge.expires_at)


async def find(store: Residents, kind: Kind, challenge_id: str, resident_id: str) -> PendingChallenge:
    """Raises NotFound, also for somebody else's."""
    pending = await store.challenges.find(kind, challenge_id, resident_id)
    if pending is None:
        raise NotFound("challenge_unknown", "没有找到这次认证，请重新发起")
    return pending


async def answer(core: Core, pending: PendingChallenge) -> str | None:
    """The person who confirmed; None while they have not answered yet. Raises NotFound, Forbidden, Unavailable."""
    try:
        found = await core.challenge(pending.core_challenge)
    except Refused as exc:
        raise NotFound("challenge_unknown", "这次认证已失效，请重新发起") from exc
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5) from exc
    if found.state is ChallengeState.PENDING:
        return None
    if found.state is not ChallengeState.APPROVED or found.person_id is None or pending.expires_at <= now():
        raise Forbidden("identity_not_confirmed", "本人没有确认这次认证，或认证已过期，请重新发起")
    return found.person_id


def tidy(name: str, id_number: str) -> tuple[str, str]:
    """Full-width digits and lower-case x are what people type; both are put right. Raises Invalid with every error."""
    name = re.sub(r"\s+", " ", name.translate(_WIDE)).strip()
    if not re.search(r"[A-Za-z]", name):
        name = name.replace(" ", "").replace(".", "·")
    number = re.sub(r"\s", "", id_number.translate(_WIDE)).upper()
    errors = []
    if not _NAME.match(name):
        errors.append(FieldError("name", "请填写身份证上的姓名，只含汉字、间隔号或字母"))
    if re.fullmatch(r"\d{15}", number):
        errors.append(FieldError("id_number", "15 位旧身份证号已停用，请填写 18 位号码"))
    elif re.fullmatch(r"[A-Z]{1,3}\d{7,12}", number):
        errors.append(FieldError("id_number", "通行证、护照和旧版永久居留证请到窗口办理；居民身份证、居住证和新版永久居留证请填写 18 位号码"))
    elif not is_citizen_number(number):
        errors.append(FieldError("id_number", "身份证号不正确，请核对 18 位号码（最后一位可能是 X）"))
    if errors:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(errors))
    return name, number


def is_citizen_number(number: str) -> bool:
    """GB 11643: date and check digit. Residence permits of 港澳台 (81, 82, 83…) and new permanent residence cards (9…) have such numbers too. The county is not looked up: codes come and go, and an old number stays a person's number."""
    if not (number.isascii() and re.fullmatch(r"\d{17}[0-9X]", number)):
        return False
    try:
        born: date = ric.get_birth_date(number)
    except ValidationError:
        return False
    return bool(ric.calc_check_digit(number) == number[-1]) and born <= now().astimezone(BEIJING).date()
