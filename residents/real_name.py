"""Real-name binding. A correct name and ID number prove nothing by themselves: the core asks their owner, who must confirm."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from core.client import Core
from core.types import ChallengeState
from kit.clock import BEIJING, now
from kit.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Outside, Refused, Unavailable
from residents.store import Residents

_NAME = re.compile(r"^[㐀-鿿豈-﫿\U00020000-\U000323af·•]{2,30}$|^[A-Za-z][A-Za-z .'·-]{1,60}$")
_WIDE = str.maketrans("０１２３４５６７８９ｘＸ．•・", "0123456789xX.··")


@dataclass(frozen=True, slots=True)
class Started:
    challenge: str
    method: str
    expires_at: datetime


def tidy(name: str, id_number: str) -> tuple[str, str]:
    """Full-width digits and lower-case x are what people type; both are put right. Raises Invalid with every error."""
    name = re.sub(r"\s+", " ", name.translate(_WIDE)).strip()
    if not re.search(r"[A-Za-z]", name):
        name = name.replace(" ", "")
    number = re.sub(r"\s", "", id_number.translate(_WIDE)).upper()
    errors = []
    if not _NAME.match(name):
        errors.append(FieldError("name", "请填写身份证上的姓名，只含汉字、间隔号或字母"))
    if re.fullmatch(r"\d{15}", number):
        errors.append(FieldError("id_number", "15 位旧身份证号已停用，请填写 18 位号码"))
    elif not _is_citizen_number(number):
        errors.append(FieldError("id_number", "身份证号不正确，请核对 18 位号码（最后一位可能是 X）"))
    if errors:
        raise Invalid("input_invalid", "填写的内容有误，请按提示修改", errors=tuple(errors))
    return name, number


async def start(store: Residents, core: Core, resident_id: str, channel: str, name: str, id_number: str) -> Started:
    """Ask the core to challenge the owner. The answer is the same for a right and a wrong pair. Raises Invalid, Conflict, Unavailable."""
    name, id_number = tidy(name, id_number)
    resident = await store.resident(resident_id)
    if resident is not None and resident.person_id is not None:
        raise Conflict("already_real_name", "此账号已完成实名认证")
    try:
        challenge = await core.start_challenge(name, id_number, channel)
    except Refused as exc:
        raise Invalid("identity_refused", "政务平台没有接受这组姓名和身份证号，请核对后再试") from exc
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5) from exc
    own = await store.add_challenge(resident_id, challenge.challenge, name, id_number, challenge.expires_at)
    return Started(own, challenge.method, challenge.expires_at)


async def finish(store: Residents, core: Core, resident_id: str, challenge_id: str) -> bool:
    """True once bound; False while the owner has not answered yet. Raises NotFound, Forbidden, Unavailable."""
    pending = await store.challenge(challenge_id, resident_id)
    if pending is None:
        raise NotFound("challenge_unknown", "没有找到这次认证，请重新发起实名认证")
    if pending.state == "used":
        return True
    try:
        answer = await core.challenge(pending.core_challenge)
    except Refused as exc:
        raise NotFound("challenge_unknown", "这次认证已失效，请重新发起实名认证") from exc
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5) from exc
    if answer.state is ChallengeState.PENDING:
        return False
    if answer.state is not ChallengeState.APPROVED or answer.person_id is None:
        raise Forbidden("identity_not_confirmed", "本人没有确认这次认证，或认证已过期，请重新发起")
    await store.bind(pending, answer.person_id)
    return True


def masked_name(name: str) -> str:
    return "*" * max(1, len(name) - 1) + name[-1]


def masked_id(number: str) -> str:
    return f"{number[0]}{'*' * 13}{number[-4:]}"


def masked_phone(phone: str) -> str:
    return f"{phone[:3]}{'*' * max(1, len(phone) - 7)}{phone[-4:]}"


def _is_citizen_number(number: str) -> bool:
    """GB 11643: date and check digit. The county is not looked up: codes come and go, and an old number stays a person's number."""
    if not (number.isascii() and re.fullmatch(r"\d{17}[0-9X]", number)):
        return False
    try:
        born: date = ric.get_birth_date(number)
    except ValidationError:
        return False
    return bool(ric.calc_check_digit(number) == number[-1]) and born <= now().astimezone(BEIJING).date()
