"""The stretches of a name that a question asked for, to be shown in bold."""

from collections.abc import Set
from functools import lru_cache

from content.text import simple


def marks(name: str, lit: Set[str]) -> tuple[tuple[int, int], ...]:
    """Stretches of the name, in its own characters, that the question asked for: `lit` are the pairs it did."""
    plain = _plain(name)
    stretches: list[tuple[int, int]] = []
    for at in range(len(plain) - 1):
        if plain[at] + plain[at + 1] in lit:
            start = stretches.pop()[0] if stretches and stretches[-1][1] >= at else at
            stretches.append((start, at + 2))
    return tuple(stretches)


@lru_cache(maxsize=20_000)
def _plain(name: str) -> tuple[str, ...]:
    return tuple(simple(one) for one in name)
