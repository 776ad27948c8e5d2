"""How far a share may be from the truth with so few questions."""

from math import sqrt

Z = 1.959964  # 95 %


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of hits/n, 95 %; (0, 1) when nothing was asked."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
