"""Nonlinear features: how predictable, how recurrent, how chaotic the local series are.

All of them look at the block means of `Fields.probes` (local series: of the 16 blocks of a 4 x 4 lattice, which several
channels share out evenly), each standardised over time, leaving out those that never change (spread at most 1e-6 of
their magnitude). Unless a feature says otherwise the value of a realization is the mean over its series
(ratios of counts: of the sums over its series). A delay τ is the lag at which a series' autocorrelation first falls below
1/e, at least one step and at most a sixteenth of the run.
"""

from functools import partial

from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.feature import RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.phase_space import SHORTEST, phase_space
from spinlock.features.series_kernels import correlation_delay, has_series, local_series, missing
from spinlock.features.series_scaling import FluctuationCurve, chaos_score, fluctuation_curve, nonlinearity
from spinlock.features.series_spectra import SEGMENT, summed_bicoherence
from spinlock.features.series_symbols import (
    excess_information,
    lempel_ziv,
    normalized_permutation_entropy,
    ordinal_shares,
)

STILL = "where no series changes"
"""States without a value, in words."""

nonlinear = partial(feature, category="nonlinear", undefined=STILL)


@nonlinear(
    unit="1/time",
    source="Rosenstein, Collins & De Luca 1993, sec. 3, doi:10.1016/0167-2789(93)90009-P",
    needs=Needs(steps=24),
    scale=RUN,
)
def lyapunov_exponent(fields: Fields) -> Float[Tensor, " batch"]:
    """Largest Lyapunov exponent of the local series: the rate at which nearest neighbours part.

    λ = slope over k of  ⟨log d(i+k, n(i)+k)⟩ / dt  for k from 0 to 4τ, with d the distance of delay vectors (3 values,
    τ apart, largest difference) and n(i) the nearest neighbour of vector i outside the Theiler window 2τ. Of long runs
    the last 512 saved times are used.

    Of either sign: about ln 2 a step for the logistic map at r = 4, a tenth below the truth for the Hénon map, a third
    above for the Lorenz flow, 0 for periodic motion (which repeats to rounding).
    Noise gives a positive value as well: neighbours found by chance part at once. Distances count as at least 1e-6.
    """
    return phase_space(fields).divergence_rate / fields.dt


@nonlinear(
    source="Takens 1985, Lecture Notes in Mathematics 1125; Theiler 1990, sec. 4",
    needs=Needs(steps=24),
    undefined="where no series changes or no two vectors are that close",
    scale=RUN,
)
def correlation_dimension(fields: Fields) -> Float[Tensor, " batch"]:
    """Correlation dimension of the local series: how the number of neighbours grows with their distance.

    D = -1 / ⟨log(d/r)⟩ over all pairs of delay vectors (3 values, τ apart, largest difference) closer than r = 0.5
    standard deviations: Takens' maximum-likelihood estimate. Distances count as at least 1e-6.

    >= 0, about 3 at most (the number of values in a vector): near 0 for a cycle of few points, 1 for a closed curve,
    about 3 for noise.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).correlation_dimension


@nonlinear(
    source="Eckmann, Kamphorst & Ruelle 1987; Marwan et al. 2007, eq. 38, doi:10.1016/j.physrep.2006.11.001",
    needs=Needs(steps=24),
    scale=RUN,
)
def recurrence_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of pairs of times, more than 2τ apart, at which the local series is in the same state.

    The same state: delay vectors (3 values, τ apart) that differ by less than 0.5 standard deviations in every value.
    The radius is in units of the spread, not a quantile of the distances, so that the rate differs between systems.

    0 … 1: about .02 for white noise, 1/p for a cycle of p distinct points, high for series that settle.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).recurrence_rate


@nonlinear(
    source="Webber & Zbilut 1994; Marwan et al. 2007, eq. 46, doi:10.1016/j.physrep.2006.11.001",
    needs=Needs(steps=24),
    undefined="where no series changes or nothing recurs",
    scale=RUN,
)
def determinism(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the recurrences that continue for at least 4 steps: states that evolve alike once they were alike.

    Σ_{l>=4} l P(l) / Σ_l l P(l), P(l) = number of diagonal lines of length l in the recurrence plot
    (`recurrence_rate`).

    0 … 1: 1 for a periodic series, about .05 for white noise.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).determinism


@nonlinear(
    source="Marwan et al. 2002; Marwan et al. 2007, eq. 51, doi:10.1016/j.physrep.2006.11.001",
    needs=Needs(steps=24),
    undefined="where no series changes or nothing recurs",
    scale=RUN,
)
def laminarity(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the recurrences that last for at least 4 steps: states in which the series lingers.

    Σ_{v>=4} v P(v) / Σ_v v P(v), P(v) = number of vertical lines of length v in the recurrence plot
    (`recurrence_rate`).

    0 … 1: 0 for a cycle of few points, 1 for a series that rests on levels.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).laminarity


@nonlinear(source="Sugihara & May 1990, doi:10.1038/344734a0", needs=Needs(steps=24), scale=RUN)
def neighbor_forecast_error(fields: Fields) -> Float[Tensor, " batch"]:
    """Error of forecasting a local series τ ahead by what followed its nearest neighbour, relative to a random guess.

    √(⟨(z(i+3τ) - z(n(i)+3τ))²⟩ / 2), n(i) the nearest neighbour of the delay vector that ends at i + 2τ (as in
    `lyapunov_exponent`).

    >= 0: 0 for deterministic motion that is sampled densely, about 1 for white noise.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).forecast_error


@nonlinear(source="Sugihara & May 1990, fig. 2, doi:10.1038/344734a0", needs=Needs(steps=24), scale=RUN)
def forecast_error_growth(fields: Fields) -> Float[Tensor, " batch"]:
    """How much worse the forecast by the nearest neighbour is 4τ ahead than τ ahead: chaos against noise and order.

    E(4τ) - E(τ), E(τ) = `neighbor_forecast_error` and E(4τ) the same that far ahead. About -1 … 1: positive for chaos,
    which can be foretold for a while; about 0 for noise, which cannot be at all, and for periodic motion, which can for
    ever.
    Of long runs the last 512 saved times.
    """
    return phase_space(fields).error_growth


@nonlinear(
    unit="nat",
    source="Richman & Moorman 2000, doi:10.1152/ajpheart.2000.278.6.H2039",
    needs=Needs(steps=24),
    undefined="where no series changes or no three values match",
)
def sample_entropy(fields: Fields) -> Float[Tensor, " batch"]:
    """Sample entropy of the local series: how surely two stretches that agree for 2 steps part at the third.

    -log(A / B): B = number of pairs of templates of 2 successive values within 0.2 standard deviations of each other, A
    = those whose third values are as well; both summed over the series of a realization before the ratio is taken.

    >= 0: 0 for periodic, about 2.2 for white noise. Of long runs the last 512 saved times.
    """
    return phase_space(fields).sample_entropy


@nonlinear(source="Bandt & Pompe 2002, doi:10.1103/PhysRevLett.88.174102", needs=Needs(steps=4), scale=RUN)
def permutation_entropy_deficit_fine(fields: Fields) -> Float[Tensor, " batch"]:
    """How far the permutation entropy of four successive values lies below its maximum.

    1 - H / log 24,  H = -Σ p log p over the order patterns of (z(t), z(t+1), z(t+2), z(t+3)), counted over all local
    series of a realization together; equal values count as rising. (The distance from 1 and not the entropy itself,
    because most systems lie near 1, where only the distance has a telling coefficient of variation.)

    In [0, 1]: 0 for white noise, 1 for a series that only rises.
    """
    return 1 - normalized_permutation_entropy(ordinal_shares(local_series(fields), delay=1))


@nonlinear(source="Bandt & Pompe 2002, doi:10.1103/PhysRevLett.88.174102", needs=Needs(steps=10), scale=RUN)
def permutation_entropy_deficit_medium(fields: Fields) -> Float[Tensor, " batch"]:
    """How far the permutation entropy of four values 3 steps apart lies below its maximum.

    1 - H / log 24 as in `permutation_entropy_deficit_fine` with (z(t), z(t+3), z(t+6), z(t+9)); in [0, 1].
    """
    return 1 - normalized_permutation_entropy(ordinal_shares(local_series(fields), delay=3))


@nonlinear(source="Bandt & Pompe 2002, doi:10.1103/PhysRevLett.88.174102", needs=Needs(steps=28), scale=RUN)
def permutation_entropy_deficit_coarse(fields: Fields) -> Float[Tensor, " batch"]:
    """How far the permutation entropy of four values 9 steps apart lies below its maximum.

    1 - H / log 24 as in `permutation_entropy_deficit_fine` with (z(t), z(t+9), z(t+18), z(t+27)); in [0, 1].
    """
    return 1 - normalized_permutation_entropy(ordinal_shares(local_series(fields), delay=9))


@nonlinear(source="Gottwald & Melbourne 2009, sec. 3, doi:10.1137/080718851", needs=Needs(steps=24), scale=RUN)
def chaos_zero_one(fields: Fields) -> Float[Tensor, " batch"]:
    """The 0-1 test for chaos: whether the local series drives a plane rotation to diffuse.

    P(j) = Σ_{i<=j} z(i) exp(i c j/τ); M(n) = ⟨|P(j+n) - P(j)|²⟩ at ten n up to 8τ (at least T/8, at most T/2); the
    value is the median over 9 frequencies c from π/5 to 4π/5 of the correlation of M(n) with n. Per τ instead of per
    step, so that densely sampled motion does not pass for regular.

    -1 … 1: near 1 for chaos and noise, near 0 for regular motion. Two incommensurate frequencies need long runs to be
    told from chaos.
    """
    if not has_series(fields, at_least=SHORTEST):
        return missing(fields)
    local = local_series(fields)
    return local.average(chaos_score(local.z, correlation_delay(fields)))


@once
def _fluctuations(fields: Fields) -> FluctuationCurve:
    return fluctuation_curve(local_series(fields).z)


@nonlinear(source="Peng et al. 1994, doi:10.1103/PhysRevE.49.1685", needs=Needs(steps=24), scale=RUN)
def dfa_exponent(fields: Fields) -> Float[Tensor, " batch"]:
    """Exponent of detrended fluctuation analysis of the local series: memory over scales.

    Slope of log F(n) over log n for about 8 widths n from 4 steps to T/4; F(n) = root mean square of the cumulative sum
    of the series less a line in each window of n steps.

    Any real number: about .5 for white noise, 1 for 1/f noise, 1.5 for a random walk, 2 for smooth motion; near 0 for
    fast cycles.
    """
    if not has_series(fields, at_least=SHORTEST):
        return missing(fields)
    return local_series(fields).average(_fluctuations(fields).slope())


@nonlinear(source="Peng et al. 1995, sec. 3, doi:10.1063/1.166141", needs=Needs(steps=24), scale=RUN)
def dfa_crossover(fields: Fields) -> Float[Tensor, " batch"]:
    """How much steeper fluctuations grow at short than at long scales.

    Slope of log F(n) over the shorter half of the widths less that over the longer half (`dfa_exponent`).

    Any real number: 0 for self-similar noise, above 1 for oscillations longer than a few steps (smooth within, bounded
    beyond a period).
    """
    if not has_series(fields, at_least=SHORTEST):
        return missing(fields)
    return local_series(fields).average(_fluctuations(fields).bend())


@nonlinear(source="Lempel & Ziv 1976; Zhang et al. 2009 for the scaling", needs=Needs(steps=8), scale=RUN)
def lempel_ziv_complexity(fields: Fields) -> Float[Tensor, " batch"]:
    """Lempel-Ziv complexity of the local series, as strings of above and below their mean.

    c(T) log₂(T) / T, c = number of phrases of the exhaustive history (1976): each phrase is the shortest stretch that
    did not occur before its last letter.

    > 0: near 0 for periodic series, about 1 for fair coin flips (a little above in short runs).
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    local = local_series(fields)
    return local.average(lempel_ziv(local.z))


@nonlinear(unit="nat", source="Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S", needs=Needs(steps=24), scale=RUN)
def surrogate_nonlinearity(fields: Fields) -> Float[Tensor, " batch"]:
    """How much a quadratic forecast of the local series gains over a linear one, beyond what linear surrogates gain.

    Q = log(mean square error of the best linear / of the best quadratic forecast of z(t+τ) from z(t), z(t-τ)); the
    value is Q less the mean Q of 5 series with the same power spectrum and random phases. The phases come from a fixed
    stream, the same for every sample, so that the value depends on the series alone. Errors count as at least 1e-6.

    Any real number: about 0 for linear stochastic motion, up to 13.8 for a quadratic map.
    """
    if not has_series(fields, at_least=SHORTEST):
        return missing(fields)
    local = local_series(fields)
    return local.average(nonlinearity(local.z, correlation_delay(fields)))


@nonlinear(
    source="Kim & Powers 1979, doi:10.1109/TPS.1979.4317207; Hagihira et al. 2001 for the sum",
    needs=Needs(steps=48),
    scale=RUN,
)
def bicoherence(fields: Fields) -> Float[Tensor, " batch"]:
    """Quadratic phase coupling of the local series: the share of the triple products of modes that is coherent.

    With X the transform of Hann-windowed segments of 32 saved times (overlap one half) and ⟨⟩ the mean over the
    segments of all series of a realization,  b² = Σ |⟨X(f)X(g)X*(f+g)⟩|² / Σ ⟨|X(f)X(g)|²⟩⟨|X(f+g)|²⟩  over f <= g.
    Without any coupling K segments give 1/K, so (b² - 1/K) / (1 - 1/K) is returned.

    <= 1: about 0 for Gaussian motion, 1 for locked harmonics.
    """
    if not has_series(fields, at_least=SEGMENT * 3 // 2):
        return missing(fields)
    return summed_bicoherence(local_series(fields))


@nonlinear(
    unit="nat",
    source="Fraser & Swinney 1986, doi:10.1103/PhysRevA.33.1134; Miller 1955 for the bias",
    needs=Needs(steps=24),
    scale=RUN,
)
def excess_mutual_information(fields: Fields) -> Float[Tensor, " batch"]:
    """Dependence of the local series on its value τ before, beyond linear correlation.

    Mutual information of 6 equally filled bins of z(t) and z(t+τ), pairs of all series of a realization together, less
    25/(2 pairs) for their finite number, less -½ log(1 - ρ²), ρ the correlation of the normal scores (ρ² at most .99).

    Any real number: about 0 for linear Gaussian motion, log 6 at most (a map without linear correlation).
    """
    if not has_series(fields, at_least=SHORTEST):
        return missing(fields)
    return excess_information(local_series(fields), correlation_delay(fields))


NONLINEAR = (
    lyapunov_exponent,
    correlation_dimension,
    recurrence_rate,
    determinism,
    laminarity,
    neighbor_forecast_error,
    forecast_error_growth,
    sample_entropy,
    permutation_entropy_deficit_fine,
    permutation_entropy_deficit_medium,
    permutation_entropy_deficit_coarse,
    chaos_zero_one,
    dfa_exponent,
    dfa_crossover,
    lempel_ziv_complexity,
    surrogate_nonlinearity,
    bicoherence,
    excess_mutual_information,
)
