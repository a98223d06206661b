"""Quantiles of the normal and of Student's distribution."""

from __future__ import annotations

import math
from statistics import NormalDist

LARGEST_FREEDOM = 200
"""Beyond so many degrees of freedom Student's distribution is normal to 0.5 % of a quantile."""


def normal_quantile(q: float) -> float:
    """The standard normal distribution's quantile."""
    return NormalDist().inv_cdf(q)


def normal_cdf(z: float) -> float:
    """The standard normal distribution's function."""
    return NormalDist().cdf(z)


def student_quantile(q: float, freedom: int) -> float:
    """Student's t quantile for `q` above one half, by bisection of its distribution function."""
    low, high = 0.0, 1.0
    while student_cdf(high, freedom) < q:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, freedom) < q else (low, middle)
    return high


def student_cdf(t: float, freedom: int) -> float:
    """P(T ≤ t) for t ≥ 0: the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    if freedom > LARGEST_FREEDOM:
        return NormalDist().cdf(t)
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
    return (1 + inside) / 2
