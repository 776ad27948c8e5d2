"""Refusals with a status, a code and a Chinese sentence a resident can act on.

    AppError
    ├── Invalid          422  every field error at once
    ├── Unauthorized     401
    ├── Forbidden        403
    ├── NotFound         404
    ├── Conflict         409
    ├── VersionConflict  412
    ├── TooLarge         413
    ├── TooSlow          408
    ├── TooMany          429  Retry-After
    └── Unavailable      503  Retry-After, retryable

A 500 is a bug and nothing else. `Outside` is what adapters raise; stories turn it into one of the above.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one input: JSON path of the field, what is wrong and what to do, in Chinese."""

    field: str
    message: str


class AppError(Exception):
    """`code` is for programs (the catalogue is docs/errors.md), `title` for people."""

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, code: str, title: str, *, errors: tuple[FieldError, ...] = (), retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.title = title
        self.errors = errors
        self.retry_after = retry_after  # seconds


class Invalid(AppError):
    status = 422


class Unauthorized(AppError):
    status = 401


class Forbidden(AppError):
    status = 403


class NotFound(AppError):
    status = 404


class Conflict(AppError):
    status = 409


class InFlight(AppError):
    status = 409
    retryable = True


class VersionConflict(AppError):
    status = 412


class TooLarge(AppError):
    status = 413


class TooSlow(AppError):
    status = 408


class TooMany(AppError):
    status = 429
    retryable = True


class Unavailable(AppError):
    status = 503
    retryable = True


class Outside(Exception):
    """A party outside did not do what was asked. `reason` is a short word of ours, safe to log and store."""

    def __init__(self, party: str, reason: str) -> None:
        super().__init__(f"{party}: {reason}")
        self.party = party
        self.reason = reason


class NotReached(Outside):
    """It certainly did nothing: the connection was refused, the breaker is open, or it said so. Safe to try again."""


class Unknown(Outside):
    """It may or may not have acted (time-out, cut connection, unreadable reply). Ask before repeating."""


class Refused(Outside):
    """It answered no, for good. `reason` is its code in our words."""
