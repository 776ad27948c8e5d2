"""How much of an item's name was asked for: rare pairs count more, words that go without saying (核发, 申领) less."""

from collections.abc import Callable, KeysView, Mapping

from content.text import pairs

_IMPLIED = 0.6  # share granted to a pair that goes without saying
_KEPT = 50_000


class Coverage:
    """Over one catalogue: `rarity` gives a pair's weight there, `implied` are the pairs that go without saying. Keeps what it worked out per name."""

    def __init__(self, rarity: Callable[[str], float], implied: frozenset[str]) -> None:
        self._rarity = rarity
        self._implied = implied
        self._known: dict[str, tuple[dict[str, float], float, float]] = {}

    def share(self, name: str, asked: Mapping[str, float]) -> float:
        """0 (nothing of this folded name was asked for) to 1 (all of it)."""
        weights, whole, got = self._of(name)
        for pair in weights.keys() & asked.keys():
            share = asked[pair]
            if pair not in self._implied:
                got += weights[pair] * share
            elif share > _IMPLIED:
                whole += weights[pair] / 2
                got += weights[pair] * (share - _IMPLIED / 2)
        return min(1.0, got / whole) if whole else 0.0

    def pairs(self, name: str) -> KeysView[str]:
        """The distinct pairs of a folded name."""
        return self._of(name)[0].keys()

    def _of(self, name: str) -> tuple[dict[str, float], float, float]:
        known = self._known.get(name)
        if known is None:
            if len(self._known) > _KEPT:
                self._known.clear()
            known = self._known[name] = self._learn(name)
        return known

    def _learn(self, name: str) -> tuple[dict[str, float], float, float]:
        """(weight of each pair, of the whole name, what is granted unasked)."""
        weights = {pair: self._rarity(pair) for pair in pairs(name)}
        implied = sum(weight for pair, weight in weights.items() if pair in self._implied) / 2
        return weights, sum(weights.values()) - implied, implied * _IMPLIED
