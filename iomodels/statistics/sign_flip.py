"""The statistics of A/B: pairs measured side by side, and what may be said of them.

The evidence is the paired log ratio, log(B / A) of two trials that ran next to each other: what
the machine did to both cancels. A *matrix* holds them as cells × pairs, NaN where a trial is
missing. All p-values are two-sided.

If B is no other than A, each pair was as likely to come out the other way round, since its order
was drawn at random. So every pattern of signs is as likely as the one seen, and counting patterns
gives an exact p-value, whatever the noise looks like (R. A. Fisher, *The Design of Experiments*,
1935, section 21). Two stages keep the whole suite quiet: a lenient `screen` names suspects, and
only what fresh pairs of them say counts (`confirm`), with the family-wise error held (Holm).

Pure numpy: nothing here measures or prints.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from iomodels.statistics.quantiles import normal_quantile, student_quantile

Floats = npt.NDArray[np.float64]

SUITE_ALPHA = 0.002
SCREEN_ALPHA, SCREEN_CHANGE = 0.10, 0.03
CONFIRM_ALPHA = 0.008
POWER = 0.8
"""Of a minimum detectable effect, unless said otherwise."""
EXACT_UP_TO_PAIRS = 16
PATTERNS = 19_999
"""Random sign patterns beyond `EXACT_UP_TO_PAIRS`, unless more are asked for: the smallest p-value
is then 1 in 20,000."""

_MAD_OF_NORMAL = 0.6745
"""median|x| over the standard deviation, for a normal distribution around zero."""
_CLIP = 1.0
"""Where the test clips, in robust standard deviations. The scale is around zero, so a change
widens it: at 2, one disturbed pair counts against the change as much as three others count for it.
"""
_CLIPPED_ERROR = 1.0523
"""Standard error of a location clipped at ±1 over that of a mean, for a normal distribution."""
_CLIPPED_OF_NORMAL = 0.9594
"""The standard deviation of a standard normal value that is clipped at ±2."""
_MEDIAN_TO_MEAN = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, for a normal distribution."""
_ROUNDING = 1e-9


def log_ratios(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """log(b / a), element by element; NaN where either is not a finite number above zero."""
    top, bottom = np.asarray(b, dtype=float), np.asarray(a, dtype=float)
    known = np.isfinite(top) & np.isfinite(bottom) & (top > 0) & (bottom > 0)
    ratios: Floats = np.log(np.where(known, top, np.nan)) - np.log(np.where(known, bottom, np.nan))
    return ratios


def clip(d: npt.ArrayLike, deviations: float = _CLIP) -> Floats:
    """`d` without its NaN, clipped at so many robust standard deviations: spikes lose their weight.

    The scale is median|d| / 0.6745, around zero: a scale around the median would change when signs
    are flipped, and the test would no longer be exact.
    """
    known = _known(d)
    if not known.size:
        return known
    limit = deviations * float(np.median(np.abs(known))) / _MAD_OF_NORMAL
    clipped: Floats = np.clip(known, -limit, limit)
    return clipped


def sign_flip_p(d: npt.ArrayLike, *, seed: int = 1, patterns: int = PATTERNS) -> float:
    """The p-value of "as likely either way" for one cell's pairs, by their clipped mean.

    Exact (all patterns) up to `EXACT_UP_TO_PAIRS` pairs; beyond, of at least `patterns` random
    patterns drawn with `seed`, the one seen counted among them, so that it never promises too
    much (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585). 1.0 without pairs.
    """
    clipped = clip(d)
    if not clipped.size:
        return 1.0
    # Sums that are equal but for rounding count as equal, those near 0 too.
    seen = abs(float(clipped.sum())) - _ROUNDING * float(np.abs(clipped).sum())

    def as_extreme(seed: int) -> int:
        return int((np.abs(_signs(clipped.size, seed) @ clipped) >= seen).sum())

    if clipped.size <= EXACT_UP_TO_PAIRS:
        return as_extreme(seed) / len(_signs(clipped.size, seed))
    portions = math.ceil(patterns / PATTERNS)  # not all at once: memory
    hits = sum(as_extreme(seed + portion) for portion in range(portions))
    return (hits + 1) / (portions * PATTERNS + 1)


def sign_test_p(pairs: int, opposed: int) -> float:
    """The p-value of so many pairs of which all have the same sign but `opposed`, whatever their
    size: about what the sign-flip test says of a change that is large beside the noise."""
    patterns = sum(math.comb(pairs, k) for k in range(opposed + 1))
    return float(min(1.0, 2 * patterns / 2**pairs))


@lru_cache(maxsize=8)
def _signs(pairs: int, seed: int) -> Floats:
    """Sign patterns, patterns × pairs. All of them is half of them: negation changes no |sum|."""
    if pairs > EXACT_UP_TO_PAIRS:
        return np.random.default_rng(seed).choice([-1.0, 1.0], (PATTERNS, pairs))
    bits = np.arange(2 ** (pairs - 1))[:, None] >> np.arange(pairs) & 1
    return np.where(bits, -1.0, 1.0)


def suite_p(matrix: npt.ArrayLike, *, seed: int = 1) -> float:
    """The p-value of "nothing changed in the suite as a whole": of each pair's median over cells.

    A whole pair is flipped at once, over all cells, so it needs no independence between cells.
    """
    return sign_flip_p(column_medians(matrix), seed=seed)


def column_medians(matrix: npt.ArrayLike) -> Floats:
    """Each pair's median over the cells that have it."""
    columns = np.asarray(matrix, dtype=float).T
    return np.array([np.median(_known(column)) for column in columns if _known(column).size])


def screen_change(threshold: float) -> float:
    """How large a change makes a suspect, where changes beyond `threshold` are to be found."""
    return min(SCREEN_CHANGE, threshold)


def screen(matrix: npt.ArrayLike, change: float = SCREEN_CHANGE) -> list[int]:
    """The suspects among the cells: p at most `SCREEN_ALPHA`, median beyond `change`."""
    return [
        index
        for index, d in enumerate(np.asarray(matrix, dtype=float))
        if exceeds(d, change) and sign_flip_p(d) <= SCREEN_ALPHA
    ]


def confirm(matrix: npt.ArrayLike, threshold: float, *, alpha: float = CONFIRM_ALPHA) -> list[int]:
    """What fresh pairs of the suspects say, per cell: 1 B is larger, -1 smaller, 0 not confirmed.

    Confirmed is what Holm rejects at `alpha` over all suspects and whose median change is larger
    than `threshold` (a share: 0.05 is 5 %). The pairs must not be those of the screen. Holm asks
    the first of m suspects for alpha / m, so there are patterns enough for half of that.
    """
    cells = np.asarray(matrix, dtype=float)
    patterns = max(PATTERNS, math.ceil(2 * len(cells) / alpha))
    rejected = holm([sign_flip_p(d, patterns=patterns) for d in cells], alpha=alpha)
    return [
        int(np.sign(np.median(_known(d)))) if sure and exceeds(d, threshold) else 0
        for d, sure in zip(cells, rejected, strict=True)
    ]


def exceeds(d: npt.ArrayLike, change: float) -> bool:
    """Whether the median change is larger than the share `change`, either way."""
    known = _known(d)
    return bool(known.size) and abs(float(np.median(known))) > math.log1p(change)


def holm(p: npt.ArrayLike, *, alpha: float = CONFIRM_ALPHA) -> list[bool]:
    """Which of the hypotheses Holm's step-down procedure rejects at family-wise level `alpha`.

    S. Holm 1979, "A simple sequentially rejective multiple test procedure": the k-th smallest of
    m is compared with alpha / (m - k + 1), until the first that is larger.
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    passes = values[order] <= alpha / np.arange(values.size, 0, -1)
    rejected = np.empty(values.size, dtype=bool)
    rejected[order] = np.logical_and.accumulate(passes)
    return [bool(each) for each in rejected]


def noise(d: npt.ArrayLike) -> float:
    """The robust standard deviation of one pair; a log ratio, so 0.05 is about 5 %.

    The larger of two that are equal for a normal distribution: 1.4826 times the median absolute
    deviation, and the standard deviation of what is clipped there at ±2, over 0.9594. Where tails
    are heavy, as on a busy machine, the first alone would promise too much. Where ties make both 0,
    the plain standard deviation. NaN below two pairs.
    """
    known = _known(d)
    if known.size < 2:
        return math.nan
    centred = known - np.median(known)
    by_median = float(np.median(np.abs(centred))) / _MAD_OF_NORMAL
    by_clipped = float(np.sqrt(np.mean(clip(centred, 2) ** 2))) / _CLIPPED_OF_NORMAL
    return max(by_median, by_clipped) or float(np.std(known, ddof=1))


def detectable(
    d: npt.ArrayLike,
    alpha: float = CONFIRM_ALPHA,
    power: float = POWER,
    *,
    threshold: float = 0.0,
    pairs: int | None = None,
) -> float:
    """The minimum detectable effect: the share of change that these pairs show with `power`.

    The larger of what the test needs, 1.0523 · (t(1 - alpha/2) + z(power)) · s / √n, and what a
    median needs to come out beyond the threshold, log(1 + threshold) + z(power) · 1.2533 · s / √n,
    as a share (e^x - 1); s is `noise(d)`, n its pairs or else the `pairs` planned, t Student's
    quantile with n - 1 degrees of freedom. Infinite where no outcome of so few pairs could reach
    `alpha`.
    """
    n = _known(d).size if pairs is None else pairs
    if n < 2 or 2.0 ** (1 - n) > alpha:
        return math.inf
    scale = noise(d) / math.sqrt(n)
    if math.isnan(scale):
        return math.inf
    z = normal_quantile(power)
    by_test = _CLIPPED_ERROR * (student_quantile(1 - alpha / 2, n - 1) + z) * scale
    by_median = math.log1p(threshold) + z * _MEDIAN_TO_MEAN * scale
    return math.expm1(min(max(by_test, by_median), 700.0))


def _known(d: npt.ArrayLike) -> Floats:
    values: Floats = np.asarray(d, dtype=float)
    known: Floats = values[np.isfinite(values)]
    return known
