"""Whose ratings and complaints a member of staff sees, for the database and for one of them: department and region, as staff/roles.py has it."""

from collections.abc import Collection
from typing import Literal

from miniapp_api.gate import Call
from staff.roles import ALL, Permission, within


def places(call: Call, sees_all: Collection[Permission]) -> dict[Literal["department", "region"], frozenset[str]]:
    """What each may be; one that is not named may be anything, also nothing. `sees_all`: who holds one of these sees the whole city."""
    if call.staff.permissions & frozenset(sees_all):
        return {}
    found: dict[Literal["department", "region"], frozenset[str]] = {}
    if ALL not in call.staff.scope.departments:
        found["department"] = call.staff.scope.departments
    if ALL not in call.staff.scope.regions:
        found["region"] = call.staff.scope.regions
    return found


def covers(call: Call, sees_all: Collection[Permission], department: str | None, region: str | None) -> bool:
    return bool(call.staff.permissions & frozenset(sees_all)) or within(call.staff.scope, department, region)
