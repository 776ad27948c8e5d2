"""Which role may do what, and which roles never meet in one person (GB/T 22239-2019, 8.1.4.2: three administrators apart). Pure."""

from dataclasses import dataclass
from typing import Literal, get_args

from kit.errors import FieldError, Invalid

Role = Literal[
    "cashier",
    "approver",
    "accountant",
    "window",
    "hotline",
    "department",
    "content_editor",
    "supervisor",
    "system_admin",
    "security_admin",
    "audit_admin",
]
Permission = Literal[
    "refund.request",
    "refund.approve",
    "orders.read",
    "reconcile.read",
    "discrepancy.note",
    "window.read",
    "hotline.read",
    "content.read",
    "supervision.read",
    "accounts.read",
    "accounts.create",
    "accounts.disable",
    "accounts.grant",
    "accounts.unlock",
    "accounts.reset",
    "audit.read",
    "messages.read",
    "broadcast.read",
    "broadcast.write",
    "broadcast.approve",
    "broadcast.stop",
    "parcels.read",
    "parcels.handle",
    "appointments.read",
    "appointments.handle",
    "ratings.read",
    "ratings.supervise",
    "ratings.reply",
    "complaints.read",
    "complaints.handle",
    "items.close",
]
ROLES: tuple[Role, ...] = get_args(Role)
ADMINS: frozenset[Role] = frozenset({"system_admin", "security_admin", "audit_admin"})
GRANTED: dict[Role, frozenset[Permission]] = {
    "cashier": frozenset({"refund.request", "orders.read", "reconcile.read", "discrepancy.note"}),
    "approver": frozenset({"refund.approve", "orders.read", "broadcast.read", "broadcast.approve", "broadcast.stop"}),
    "accountant": frozenset({"reconcile.read", "discrepancy.note"}),
    "window": frozenset({"window.read", "messages.read", "parcels.read", "parcels.handle", "appointments.read", "appointments.handle"}),
    "hotline": frozenset({"hotline.read", "complaints.read", "complaints.handle"}),
    "department": frozenset({"ratings.read", "ratings.reply", "complaints.read", "supervision.read"}),
    "content_editor": frozenset({"content.read", "broadcast.read", "broadcast.write", "broadcast.stop", "items.close"}),
    "supervisor": frozenset(
        {
            *("supervision.read", "messages.read", "broadcast.read", "broadcast.stop", "parcels.read", "appointments.read"),
            *("ratings.read", "ratings.supervise", "complaints.read", "complaints.handle", "items.close"),
        }
    ),
    "system_admin": frozenset({"accounts.read", "accounts.create", "accounts.disable"}),
    "security_admin": frozenset({"accounts.read", "accounts.grant", "accounts.unlock", "accounts.reset"}),
    "audit_admin": frozenset({"audit.read"}),
}
ALL = "*"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose matters an account may touch: department names and region codes as the items have them. Empty: none; "*": all."""

    departments: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()


EVERYWHERE = Scope(frozenset({ALL}), frozenset({ALL}))


def within(scope: Scope, department: str | None, region: str | None) -> bool:
    """Both must be covered. What has no department or region (None) is covered by "*" alone."""
    return _covers(scope.departments, department) and _covers(scope.regions, region)


def of_department(scope: Scope, department: str) -> bool:
    """For what belongs to a department and to no region, such as its money."""
    return _covers(scope.departments, department)


def _covers(given: frozenset[str], one: str | None) -> bool:
    return ALL in given or (one is not None and one in given)


def permissions(roles: frozenset[Role]) -> frozenset[Permission]:
    return frozenset[Permission]().union(*(GRANTED[role] for role in roles))


def check_apart(roles: frozenset[Role]) -> None:
    """Raises Invalid: nobody holds two of the three administrators, and none of the three does business."""
    if roles & ADMINS and len(roles) > 1:
        told = FieldError("roles", "系统管理员、安全管理员、审计管理员三者互斥，也不能兼任业务角色，请只保留一个")
        raise Invalid("staff_roles_conflict", "这些角色不能由同一个人担任", errors=(told,))
