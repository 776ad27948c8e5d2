"""Agreeing to a text, each purpose by itself: sensitive data, giving data to a courier and minors are never part of another one."""

from dataclasses import dataclass

from core.subjects import person_key
from kit.errors import Conflict, Forbidden, Outside, Unavailable
from residents import policies
from residents.policies import Policy, Purpose
from residents.sessions import Caller
from residents.store import Residents
from residents.subjects import Acting, bound


@dataclass(frozen=True, slots=True)
class Given:
    """Which text was shown and agreed to."""

    version: int
    text_hash: str


async def give(acting: Acting, caller: Caller, purpose: Purpose, given: Given, ward: str | None = None) -> None:
    """The second time changes nothing. `ward`: for a minor, who. Raises Conflict for another text than today's, Forbidden for somebody else's child."""
    policy, about = _shown(purpose, given), None
    if purpose == "minor":
        about = await _ward(acting, caller, ward)
    if not await acting.store.consents.is_given(caller.person_id, caller.resident_id, policy, about):
        await acting.store.consents.add((caller.person_id, caller.resident_id, caller.channel), policy, about)


async def ensure(store: Residents, caller: Caller, purpose: Purpose, given: Given | None, *, asked: bool) -> None:
    """Keeps a consent that comes along; where it is asked for, it must be there by now. Raises Conflict, Forbidden."""
    if given is not None:
        policy = _shown(purpose, given)
        if not await store.consents.is_given(caller.person_id, caller.resident_id, policy):
            await store.consents.add((caller.person_id, caller.resident_id, caller.channel), policy, None)
    elif asked and not await store.consents.is_given(caller.person_id, caller.resident_id, policies.current(purpose)):
        raise needed(policies.current(purpose))


def needed(policy: Policy) -> Forbidden:
    return Forbidden("consent_needed", f"请先阅读并同意《{policy.title}》")


def check_shown(purpose: Purpose, given: Given | None, *, asked: bool) -> None:
    """For whoever is not known yet. Raises Conflict, Forbidden."""
    if given is not None:
        _shown(purpose, given)
    elif asked:
        raise needed(policies.current(purpose))


def _shown(purpose: Purpose, given: Given) -> Policy:
    policy = policies.current(purpose)
    if (given.version, given.text_hash.lower()) != (policy.version, policy.text_hash):
        raise Conflict("policy_changed", f"《{policy.title}》已更新，请重新阅读后再同意")
    return policy


async def _ward(acting: Acting, caller: Caller, ward: str | None) -> str:
    try:
        found = await acting.kin.wards(bound(caller))
    except Outside as exc:
        raise Unavailable("core_unavailable", "政务平台暂时没有回应，请稍后再试", retry_after=5) from exc
    if ward not in {one.person_id for one in found}:
        raise Forbidden("subject_refused", "您目前不能代表所选的对象办事，请刷新列表后重新选择")
    return person_key(str(ward))
