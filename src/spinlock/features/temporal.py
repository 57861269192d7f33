"""Temporal features: growth, settling, rhythm, memory, regimes and bursts.

Features of the *whole field* follow one number a frame: the spatial standard deviation σ (channel mean of variances), the
mean square, the gradient energy, or the distance between frames. Features of *local series* look at the block means of
`Fields.probes` (the 16 blocks of a 4 x 4 lattice, which several channels share out evenly), each standardised over time,
leaving out those that never change (spread at most 1e-6 of their magnitude); the value of a realization is the mean over
its series. Every docstring says which. Rates are per unit time; windows are fractions of the run.
"""

import math
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features import series_events, series_spectra, whole_field_series
from spinlock.features.feature import LEVEL, RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.series_kernels import (
    detrended,
    first_crossing,
    first_minimum,
    has_series,
    local_autocorrelation,
    local_series,
    missing,
    slope,
    steepest_slope,
)
from spinlock.features.series_spectra import FLOOR, share_near, time_spectrum

STILL = "where no series changes"
FLAT, ZERO = "where no frame varies in space", "where the field is 0 throughout"
"""States without a value, in words."""

temporal = partial(feature, category="temporal")

CATCH22 = "idea of catch22 (Lubba et al. 2019, doi:10.1007/s10618-019-00647-x)"


@temporal(unit="1/time", needs=Needs(steps=6, longer_side=2), undefined=FLAT, scale=RUN)
def peak_variance_growth_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Largest exponential rate at which the spatial variance of the whole field grows over any eighth of the run.

    Maximum over all windows of T/8 successive saved times (at least 3) of the least-squares slope of log σ²(t) = a + r
    t, of either sign. r = 2 x growth rate of the leading mode in the linear stage of an instability, the slowest rate
    of decay (negative) where the field only decays. σ counts as at least 1e-6 of frame 0's.
    """
    curve = whole_field_series.log_spread(fields)
    if curve.shape[1] < 6:
        return missing(fields)
    return 2 * steepest_slope(curve, width=max(3, curve.shape[1] // 8)) / fields.dt


@temporal(unit="1/time", needs=Needs(steps=6), undefined=ZERO, scale=RUN + LEVEL)
def early_energy_growth_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Exponential rate at which the mean square of the whole field grows in the first eighth of the run.

    Least-squares slope of log ⟨u²⟩(t) = a + r t over channel and space and over the first T/8 saved times (at least 3),
    of either sign: the linear stage of an instability, or the fastest decay; the mean counts, unlike in
    `peak_variance_growth_rate`. ⟨u²⟩ counts as at least 1e-12.
    """
    curve = whole_field_series.log_energy(fields)
    start = curve[:, : max(3, curve.shape[1] // 8)]
    return slope(start) / fields.dt if curve.shape[1] >= 6 else missing(fields)


@temporal(unit="1/time", needs=Needs(steps=6, longer_side=2), undefined=FLAT, scale=RUN)
def variance_growth_rate_change(fields: Fields) -> Float[Tensor, " batch"]:
    """How much faster the spatial variance of the whole field grows in the second half of the run than in the first.

    Least-squares slope of log σ²(t) over the last T/2 saved times less that over the first T/2, of either sign:
    negative for growth that saturates, positive for a decay that levels off, 0 for one exponential rate throughout.
    """
    curve = whole_field_series.log_spread(fields)
    half = curve.shape[1] // 2
    return 2 * (slope(curve[:, -half:]) - slope(curve[:, :half])) / fields.dt if half >= 3 else missing(fields)


@temporal(
    unit="1/time", needs=Needs(steps=3, longer_side=2), undefined="where a frame does not vary in space", scale=RUN
)
def roughening_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Exponential rate at which the patterns of the whole field become finer.

    Least-squares slope of log(√⟨|∇u|²⟩ / σ)(t), the logarithm of the root mean square wavenumber, of either sign:
    negative for coarsening and diffusion, positive for a cascade to small scales.
    """
    return slope(whole_field_series.log_roughness(fields)) / fields.dt if fields.u.shape[1] >= 3 else missing(fields)


@temporal(
    unit="1/time",
    needs=Needs(steps=4),
    undefined="where nothing changes or the field is 0 throughout",
    scale=RUN + LEVEL,
)
def relative_activity_growth_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Exponential rate at which the motion grows relative to the amplitude of the whole field.

    Least-squares slope of log(a(t) / rms u(t)), a = root mean square over the local series of their change in one step
    (not standardised), rms over channel and space; both count as at least 1e-6 of frame 0's spread. Of either sign:
    negative for a field that comes to rest at a finite amplitude (minus its rate of approach), 0 for sustained motion
    and for plain decay.
    """
    if fields.u.shape[1] < 4:
        return missing(fields)
    amplitude = whole_field_series.log_energy(fields)[:, 1:] / 2
    return slope(whole_field_series.log_activity(fields) - amplitude) / fields.dt


@temporal(
    unit="neper",
    source="Trefethen et al. 1993, doi:10.1126/science.261.5121.578",
    needs=Needs(steps=3),
    undefined=ZERO,
    scale=RUN + LEVEL,
)
def transient_gain(fields: Fields) -> Float[Tensor, " batch"]:
    """Logarithm of the largest amplification of the whole field over its first frame.

    max over t of log(rms u(t) / rms u(0)), rms over channel and space. >= 0; 0 for a field that only decays.
    """
    curve = whole_field_series.log_energy(fields) / 2
    return curve.amax(1) - curve[:, 0] if curve.shape[1] >= 3 else missing(fields)


@temporal(unit="time", needs=Needs(steps=10, longer_side=2), undefined=FLAT, scale=RUN)
def settling_time(fields: Fields) -> Float[Tensor, " batch"]:
    """Time after which the amplitude of the whole field stays near its final level.

    First t from which |log σ - final| stays within 5 % of the range of log σ, but at least 1 %; final = mean of the
    last tenth. In [0, T dt]: 0 for a constant amplitude; close to the length of the run for one that never settles.
    """
    curve = whole_field_series.log_spread(fields)
    return whole_field_series.settling_place(curve) * fields.dt if curve.shape[1] >= 10 else missing(fields)


@temporal(
    source="idea of close returns (Lathrop & Kostelich 1989, doi:10.1103/PhysRevA.40.4028)",
    needs=Needs(steps=3),
    undefined="where the field never changes",
)
def initial_return(fields: Fields) -> Float[Tensor, " batch"]:
    """How closely the whole field comes back to its first frame after having been farthest from it.

    1 - (smallest ‖u(t) - u(0)‖ from the time of the largest on) / (largest). 0 … 1: 1 for a periodic field, 0 for one
    that only moves away.
    """
    return whole_field_series.closest_return(fields) if fields.u.shape[1] >= 3 else missing(fields)


@temporal(unit="time", needs=Needs(steps=3), undefined=STILL)
def first_crossing_time(fields: Fields) -> Float[Tensor, " batch"]:
    """Time at which a local series first crosses its own mean.

    min t with sign z(t) = -sign z(0), linear between saved times, mean over the local series; in [0, T dt]: a quarter
    to half of a period for oscillations, a large part of the run for drifts.
    """
    if not has_series(fields, at_least=3):
        return missing(fields)
    local = local_series(fields)
    start = torch.where(local.z[:, :1] >= 0, 1.0, -1.0)
    return local.average(first_crossing(local.z * start, 0.0)) * fields.dt


@temporal(unit="1/time", needs=Needs(steps=8), undefined=STILL)
def dominant_frequency(fields: Fields) -> Float[Tensor, " batch"]:
    """Frequency of the largest peak in the mean spectrum of the local series.

    Periodograms (less the series' line, Hann window, each divided by its sum) are averaged over the series; the peak is
    placed by a parabola through the logarithms of the largest value and its neighbours. > 0, about 1/(T dt) to 1/(2
    dt).
    """
    spectrum = time_spectrum(fields)
    return spectrum.peak * spectrum.frequency[0] if fields.u.shape[1] >= series_spectra.SHORTEST else missing(fields)


@temporal(needs=Needs(steps=8), undefined=STILL, scale=RUN)
def dominant_frequency_prominence(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the variance of the local series that lies at the dominant frequency.

    P(f) / Σ P, P(f) the sum of the mean spectrum (`dominant_frequency`) within 1.5 bins of the peak. 0 … 1: near 1 for
    one sharp rhythm.
    """
    spectrum = time_spectrum(fields)
    return share_near(spectrum, spectrum.peak)


@temporal(needs=Needs(steps=8), undefined="where no series changes or 2f is above 1/(2 dt)", scale=RUN)
def harmonic_share(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the rhythm of the local series that lies in its second and third harmonics: 0 for a sine.

    (P(2f) + P(3f)) / (P(f) + P(2f) + P(3f)), P = sum of the mean spectrum within 1.5 bins, f = `dominant_frequency`;
    harmonics above 1/(2 dt) count as 0. 0 … 1.
    """
    spectrum = time_spectrum(fields)
    base = share_near(spectrum, spectrum.peak)
    over = share_near(spectrum, 2 * spectrum.peak) + share_near(spectrum, 3 * spectrum.peak)
    visible = 2 * spectrum.peak <= spectrum.share.shape[1]
    return torch.where(visible, over / (base + over), torch.nan)


@temporal(needs=Needs(steps=8), undefined=STILL, scale=RUN)
def temporal_spectral_slope(fields: Fields) -> Float[Tensor, " batch"]:
    """Slope of the mean spectrum of the local series in logarithms: the colour of the motion.

    Least-squares slope of log share over log frequency, weighted by 1/frequency so that every octave counts alike;
    shares count as at least 1e-12. Any real number: 0 for white noise, about -2 for a random walk, steeper for smooth
    motion.
    """
    spectrum = time_spectrum(fields)
    height, place = spectrum.share.clamp_min(FLOOR).log(), spectrum.frequency.log()
    weight = 1 / spectrum.frequency
    weight = weight / weight.sum()
    place = place - place @ weight
    return height @ (weight * place) / (weight @ place.square()) if len(place) >= 4 else missing(fields)


@temporal(
    source="distance of Hellinger 1909 between spectra of the halves",
    needs=Needs(steps=16),
    undefined="where no series changes in one of the halves",
    scale=RUN,
)
def spectral_nonstationarity(fields: Fields) -> Float[Tensor, " batch"]:
    """How differently the local series move in the second half of the run from the first.

    √(1 - Σ √(p q)): p, q = mean spectra (`dominant_frequency`) of the two halves, summed over octaves of frequency. 0 …
    1: near 0 for stationary motion, 1 where the rhythms share no octave.
    """
    if not has_series(fields, at_least=16):
        return missing(fields)
    return series_spectra.octave_distance(local_series(fields))


@temporal(unit="time", source="definition; " + CATCH22 + ", CO_f1ecac", needs=Needs(steps=8), undefined=STILL)
def autocorrelation_time(fields: Fields) -> Float[Tensor, " batch"]:
    """Lag at which the autocorrelation of a local series first falls below 1/e.

    r(k) = Σ z(t) z(t+k) / T, linear between lags, mean over the local series; > 0: -dt / log φ for an AR(1) process
    with coefficient φ.
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    return local_series(fields).average(first_crossing(local_autocorrelation(fields), math.exp(-1))) * fields.dt


@temporal(
    source="idea of Wang et al. 2007 (periodicity), doi:10.1007/s10618-005-0039-x",
    needs=Needs(steps=8),
    undefined=STILL,
    scale=RUN,
)
def oscillation_persistence(fields: Fields) -> Float[Tensor, " batch"]:
    """Height to which the autocorrelation of a local series rises again after its first minimum.

    Largest r(k) T / (T - k) for k from the first minimum to T/2, mean over the local series; the value at the minimum
    if that lies beyond T/2. Any real number: about 1 for a periodic series, about 0 for noise, negative for drifts.
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    curve = local_autocorrelation(fields)
    return local_series(fields).average(series_events.highest_rebound(curve, first_minimum(curve)))


@temporal(
    source="Wang, Smith & Hyndman 2006, sec. 3.1, doi:10.1007/s10618-005-0039-x",
    needs=Needs(steps=4),
    undefined=STILL,
    scale=RUN,
)
def trend_strength(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the variance of the local series that a straight line explains.

    R² of the least-squares line, mean over the local series. 0 … 1: 1 for a pure drift.
    """
    if not has_series(fields, at_least=4):
        return missing(fields)
    local = local_series(fields)
    num_times = local.z.shape[1]
    return local.average(slope(local.z).square()) * (num_times**2 - 1) / 12


@once
def _split_gain(fields: Fields) -> Float[Tensor, "batch split"]:
    return local_series(fields).average(series_events.split_gain(local_series(fields).z))


@temporal(source="Hawkins 1977, doi:10.1080/01621459.1977.10479935", needs=Needs(steps=20), undefined=STILL, scale=RUN)
def regime_change_strength(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the variance of the local series that one common jump of their levels explains.

    max over k of the mean over series of S(k)² / (k (T - k)), S(k) = Σ_{t<k} z(t): two constant levels, the jump at the
    same time in all series, at least a twentieth of the run from either end. 0 … 1.
    """
    if not has_series(fields, at_least=20):
        return missing(fields)
    edge = fields.u.shape[1] // 20
    return _split_gain(fields)[:, edge - 1 : fields.u.shape[1] - edge].amax(1)


@temporal(
    unit="share of the run",
    source="Hawkins 1977, doi:10.1080/01621459.1977.10479935",
    needs=Needs(steps=20),
    undefined=STILL,
    scale=RUN,
)
def regime_change_position(fields: Fields) -> Float[Tensor, " batch"]:
    """Where in the run the jump of `regime_change_strength` lies.

    k / T at the maximum. 0.05 … 0.95.
    """
    if not has_series(fields, at_least=20):
        return missing(fields)
    edge = fields.u.shape[1] // 20
    gain = _split_gain(fields)[:, edge - 1 : fields.u.shape[1] - edge]
    return torch.where(gain.isnan().any(1), torch.nan, (gain.argmax(1) + edge) / fields.u.shape[1])


@temporal(needs=Needs(steps=8), undefined=STILL, scale=RUN)
def spike_share(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the steps in which a local series jumps: more than 5 times its median step, in absolute value.

    0 … 1/2: 0 for smooth motion, .0007 for normal steps, more for motion in bursts.
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    local = local_series(fields)
    return local.average(series_events.spike_share(local.z, threshold=5.0))


@temporal(
    source="Goh & Barabási 2008, eq. 1, doi:10.1209/0295-5075/81/48002",
    needs=Needs(steps=16),
    undefined="where no series changes, or its steps are too alike to have three above the quartile",
    scale=RUN,
)
def burstiness(fields: Fields) -> Float[Tensor, " batch"]:
    """Whether the large steps of a local series come in bursts.

    B = (σ - μ) / (σ + μ) of the waiting times between steps above the upper quartile of |Δ|, mean over the local
    series. -1 … 1: -1 regular, about 0 independent, towards 1 in bursts.
    """
    if not has_series(fields, at_least=16):
        return missing(fields)
    local = local_series(fields)
    steps = local.z.diff(dim=1).abs()
    return local.average(series_events.burstiness(steps > steps.quantile(0.75, dim=1, keepdim=True)))


@temporal(
    unit="share of the run",
    source=CATCH22 + ", DN_OutlierInclude_mdrmd",
    needs=Needs(steps=20),
    undefined=STILL,
    scale=RUN,
)
def extreme_position(fields: Fields) -> Float[Tensor, " batch"]:
    """Where in the run the extreme values of a local series lie.

    Mean of t / (T - 1) over the twentieth of the values that is farthest from the mean. 0 … 1: near 0 for transients
    that decay, near 1 for growth, near 1/2 for stationary motion.
    """
    if not has_series(fields, at_least=20):
        return missing(fields)
    local = local_series(fields)
    return local.average(series_events.extreme_place(local.z, share=0.05))


def _rolling_variability(fields: Fields, num_windows: int) -> Float[Tensor, " batch"]:
    if not has_series(fields, at_least=4 * num_windows):
        return missing(fields)
    local = local_series(fields)
    return local.average(series_events.spread_variation(local.z, num_windows=num_windows))


@temporal(needs=Needs(steps=64), undefined=STILL, scale=RUN)
def rolling_variability_fine(fields: Fields) -> Float[Tensor, " batch"]:
    """How much the spread of a local series changes between sixteenths of the run.

    Standard deviation over mean of the spreads in 16 windows of T/16, mean over the local series. 0 … √15: small for
    stationary motion, large for motion that dies, starts or comes in bursts.
    """
    return _rolling_variability(fields, 16)


@temporal(needs=Needs(steps=32), undefined=STILL, scale=RUN)
def rolling_variability_medium(fields: Fields) -> Float[Tensor, " batch"]:
    """How much the spread of a local series changes between eighths of the run.

    As `rolling_variability_fine` with 8 windows. 0 … √7.
    """
    return _rolling_variability(fields, 8)


@temporal(needs=Needs(steps=12), undefined=STILL, scale=RUN)
def rolling_variability_coarse(fields: Fields) -> Float[Tensor, " batch"]:
    """How much the spread of a local series changes between thirds of the run.

    As `rolling_variability_fine` with 3 windows. 0 … √2.
    """
    return _rolling_variability(fields, 3)


@temporal(
    source="Sarle's coefficient, SAS/STAT 1990; Pfister et al. 2013, doi:10.3389/fpsyg.2013.00700",
    needs=Needs(steps=8),
    undefined=STILL,
    scale=RUN,
)
def bimodality(fields: Fields) -> Float[Tensor, " batch"]:
    """Whether a local series dwells at two levels.

    (skewness² + 1) / kurtosis, mean over the local series. 0 … 1: 1/3 normal, 5/9 uniform, 1 for two values.
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    local = local_series(fields)
    return local.average(series_events.bimodality(local.z))


@temporal(
    unit="share of the run",
    source=CATCH22 + ", SB_BinaryStats_mean_longstretch1",
    needs=Needs(steps=8),
    undefined=STILL,
    scale=RUN,
)
def longest_stretch(fields: Fields) -> Float[Tensor, " batch"]:
    """Longest stretch that a local series stays above its mean.

    Largest number of successive t at which z(t) is above 0, over T. 0 … 1: 1/2 for one slow swing, 1/T for values that
    alternate.
    """
    if not has_series(fields, at_least=8):
        return missing(fields)
    local = local_series(fields)
    return local.average(series_events.longest_run(local.z > 0)) / local.z.shape[1]


@temporal(unit="neper", needs=Needs(steps=8, longer_side=2), undefined=FLAT, scale=RUN)
def amplitude_fluctuation(fields: Fields) -> Float[Tensor, " batch"]:
    """How much the amplitude of the whole field breathes in the second half of the run.

    Standard deviation of log σ(t) less its line, over the last T/2 saved times. >= 0: 0 for a steady or exponentially
    growing field.
    """
    curve = whole_field_series.log_spread(fields)
    if curve.shape[1] < 8:
        return missing(fields)
    return detrended(curve[:, curve.shape[1] // 2 :]).std(1, correction=0)


@temporal(
    source="Golomb 2007 (synchrony measure χ²), doi:10.4249/scholarpedia.1347",
    needs=Needs(steps=3),
    undefined="where there are fewer than two series, or none changes",
)
def synchrony(fields: Fields) -> Float[Tensor, " batch"]:
    """Whether the local series move together: variance of their mean over the mean of their variances.

    Var_t(mean over series of p) / mean over series of Var_t(p), p = `Fields.probes` in units of frame 0's spread. 0 …
    1: 1 for uniform motion, 1/(number of series) for independent series.
    """
    probes = fields.probes.double()
    if not has_series(fields, at_least=3) or probes.shape[2] < 2:
        return missing(fields)
    each = probes.var(1, correction=0).mean(1)
    return torch.where(each > 1e-12, probes.mean(2).var(1, correction=0) / each.clamp_min(1e-12), torch.nan)


@temporal(unit="log10(frame-0 std)", needs=Needs(steps=3))
def temporal_spread(fields: Fields) -> Float[Tensor, " batch"]:
    """How far the local series swing: logarithm of their spread over time in units of the initial spatial spread.

    log10 √(mean over series of Var_t(p)), p = `Fields.probes`; >= -6, which stands for no motion.
    """
    if fields.u.shape[1] < 3:
        return missing(fields)
    return fields.probes.double().var(1, correction=0).mean(1).sqrt().clamp_min(1e-6).log10()


TEMPORAL = (
    peak_variance_growth_rate,
    early_energy_growth_rate,
    variance_growth_rate_change,
    roughening_rate,
    relative_activity_growth_rate,
    transient_gain,
    settling_time,
    initial_return,
    first_crossing_time,
    dominant_frequency,
    dominant_frequency_prominence,
    harmonic_share,
    temporal_spectral_slope,
    spectral_nonstationarity,
    autocorrelation_time,
    oscillation_persistence,
    trend_strength,
    regime_change_strength,
    regime_change_position,
    spike_share,
    burstiness,
    extreme_position,
    rolling_variability_fine,
    rolling_variability_medium,
    rolling_variability_coarse,
    bimodality,
    longest_stretch,
    amplitude_fluctuation,
    synchrony,
    temporal_spread,
)
