"""Children: whoever is under fourteen may look; what binds them is done by a guardian who said so in writing (个人信息保护法 §31)."""

from datetime import date, datetime

from kit.clock import BEIJING, now
from kit.errors import Forbidden
from residents import policies
from residents.sessions import Subject
from residents.store import Person, Residents

CHILD = 14  # years; fourteen itself is no child any more


async def check(store: Residents, person_id: str, subject: Subject) -> None:
    """Before anything is submitted, paid or authorised by `person_id` for `subject`. Raises Forbidden."""
    person = await store.person(person_id)
    if person is not None:
        check_adult(person)
    if subject.role == "guardian":
        policy = policies.current("minor")
        if not await store.consents.is_given(person_id, None, policy, subject.key):
            raise Forbidden("minor_consent_needed", "代未成年人办事前，请先阅读并同意《未成年人个人信息保护说明》")


def check_adult(person: Person) -> None:
    """Raises Forbidden for whoever is under fourteen."""
    if is_child(person.id_number):
        raise Forbidden("guardian_needed", "未满十四周岁，请由监护人登录后选择“代被监护人办理”")


def is_child(id_number: str) -> bool:
    """By the calendar of Beijing, whatever the clock of the machine says."""
    return age(id_number, now()) < CHILD


def age(id_number: str, at: datetime) -> int:
    """Whole years. Born on 29 February they are complete with 28 February where there is no 29th (民法典 §202), so the new one begins on 1 March."""
    born = date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14]))
    today = at.astimezone(BEIJING).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
