"""What people say of a feature's values: a phrase for low and for high ones, with a degree, and a noun for all in between."""

from typing import NamedTuple

from spinlock.core.windows import STATISTICS
from spinlock.features.window_phrases import told

VERY = "very "
_BETWEEN = {
    (0, 2): "{} not high",
    (0, 3): "{} not very high",
    (1, 1): "low {}",
    (1, 2): "low to middling {}",
    (1, 3): "{} not extreme",
    (1, 4): "{} not very low",
    (2, 2): "middling {}",
    (2, 3): "middling to high {}",
    (2, 4): "{} not low",
    (3, 3): "high {}",
}
"""First and last level → how the noun is used. Levels are 0 very low, 1 low, 2 middling, 3 high, 4 very high."""
_PLAIN = {
    (0, 0): "very low {}",
    (0, 1): "{} low",
    (3, 4): "{} high",
    (4, 4): "very high {}",
    (0, 4): "{} of any size",
}


class Phrase(NamedTuple):
    """How the values of one feature are put into words; "low" and "high" are among other runs.

    A phrase is true of every run with such a value: a rate or a length is "per unit of time" or "in units of length", those that the
    run is given in, and what noise raises as well as motion names both.

    Attributes:
        noun: what is measured, without an article: "middling …", "… not low".
        low, high: what a low or high value means, as a trait of a run; `{}` is where "very " goes.
        signed: the two speak of opposite directions, so each is only said of values of its sign.
        missing: why there is no value, most often; "" where every run has one.
    """

    noun: str
    low: str
    high: str
    signed: bool = False
    missing: str = "never changes"

    def of_levels(self, first: int, last: int, *, lowest: float | None = None, highest: float | None = None) -> str:
        """What it means that a value has one of the levels from `first` to `last`, 0 to 4.

        Args:
            first: the lowest level.
            last: the highest one.
            lowest, highest: bounds of these levels' values; None where there is none.
        """
        at_end = {(0, 0): (self.low, VERY), (0, 1): (self.low, ""), (3, 4): (self.high, ""), (4, 4): (self.high, VERY)}
        if (first, last) in at_end:
            text, degree = at_end[first, last]
            has_sign = highest is not None and highest <= 0 if first == 0 else lowest is not None and lowest >= 0
            if has_sign or not self.signed:
                return text.format(degree)
        return (_BETWEEN | _PLAIN)[first, last].format(self.noun)


def phrase_of(column: str) -> Phrase:
    """The phrase of a column: of its feature, whatever runs it is the mean of; made of its name where it has none."""
    feature, _, aggregation = column.partition("__")
    if aggregation in ("", "mean") and feature in PHRASES:
        return PHRASES[feature]
    if aggregation in STATISTICS:
        return Phrase(*told(feature, aggregation))
    noun = column.removesuffix("__mean").replace("_", " ")
    if aggregation in ("std", "cv"):
        noun = f"{aggregation} of {PHRASES[feature].noun if feature in PHRASES else feature.replace('_', ' ')}"
    return Phrase(noun, f"{{}}low {noun}", f"{{}}high {noun}", missing=f"{noun} undefined")


PHRASES = {
    # temporal
    "peak_variance_growth_rate": Phrase("fastest gain of contrast", "contrast gains {}little per unit of time at best", "contrast gains {}much per unit of time at best", missing="never varies in space"),
    "early_energy_growth_rate": Phrase("early growth of energy", "loses energy {}fast at first", "gains energy {}fast at first", signed=True, missing="zero throughout"),
    "variance_growth_rate_change": Phrase("late against early growth of contrast", "growth of contrast slackens {}much", "growth of contrast picks up {}much", signed=True, missing="never varies in space"),
    "roughening_rate": Phrase("rate of refinement", "pattern coarsens {}fast", "pattern refines {}fast", signed=True, missing="flat at some time"),
    "relative_activity_growth_rate": Phrase("gain of liveliness", "calms down {}quickly", "livens up {}quickly", signed=True),
    "transient_gain": Phrase("largest amplification", "amplified {}little over its start", "amplified {}much over its start", missing="zero throughout"),
    "settling_time": Phrase("settling time", "amplitude settles after {}few units of time", "amplitude settles after {}many units of time or never", missing="never varies in space"),
    "initial_return": Phrase("return to the start", "comes back {}little to its start", "comes back {}close to its start"),
    "first_crossing_time": Phrase("time of the first crossing", "crosses its mean after {}few units of time", "crosses its mean after {}many units of time"),
    "dominant_frequency": Phrase("main frequency", "main frequency {}low per unit of time", "main frequency {}high per unit of time"),
    "dominant_frequency_prominence": Phrase("share of the main frequency", "rhythm spread over {}many frequencies", "rhythm {}pure in frequency"),
    "harmonic_share": Phrase("share of harmonics", "{}sine-like rhythm", "rhythm {}rich in harmonics"),
    "temporal_spectral_slope": Phrase("spectral slope in time", "slow changes {}dominant", "fast changes {}prominent"),
    "spectral_nonstationarity": Phrase("change of motion between the halves", "moves {}alike in both halves", "moves {}differently in the second half"),
    "autocorrelation_time": Phrase("correlation time", "memory lasts {}few units of time", "memory lasts {}many units of time"),
    "oscillation_persistence": Phrase("persistence of oscillation", "{}little lasting oscillation", "{}strong lasting oscillation"),
    "trend_strength": Phrase("strength of the trend", "{}weak trend", "{}strong trend"),
    "regime_change_strength": Phrase("common jump of level", "level jumps {}little", "level jumps {}much at once"),
    "regime_change_position": Phrase("time of the level jump", "level jumps {}early", "level jumps {}late"),
    "spike_share": Phrase("share of spikes", "{}few spikes", "{}many spikes"),
    "burstiness": Phrase("burstiness", "large steps {}evenly spread", "large steps come in {}dense bursts"),
    "extreme_position": Phrase("time of the extremes", "reaches its extremes {}early", "reaches its extremes {}late"),
    "rolling_variability_fine": Phrase("unevenness over short times", "swings {}even over short times", "swings {}uneven over short times"),
    "rolling_variability_medium": Phrase("unevenness over medium times", "swings {}even over medium times", "swings {}uneven over medium times"),
    "rolling_variability_coarse": Phrase("unevenness over long times", "swings {}even over the whole run", "swings {}uneven over the whole run"),
    "bimodality": Phrase("separation into two levels", "values {}clearly around one level", "values {}clearly at two levels"),
    "longest_stretch": Phrase("longest stretch above the mean", "crosses its mean {}often", "stays above its mean {}long"),
    "amplitude_fluctuation": Phrase("breathing of the amplitude", "late amplitude {}steady", "late amplitude breathes {}strongly", missing="never varies in space"),
    "synchrony": Phrase("synchrony of places", "places move {}independently", "places move {}much together"),
    "temporal_spread": Phrase("size of the swings", "{}small swings", "{}large swings", missing=""),
    # causality
    "transport_x": Phrase("velocity along x", "drifts {}fast to the left", "drifts {}fast to the right", signed=True, missing="flat in space"),
    "transport_y": Phrase("velocity along y", "drifts {}fast upwards", "drifts {}fast downwards", signed=True, missing="flat in space"),
    "transport_speed": Phrase("speed of apparent motion", "apparent motion {}slow or none", "moves or flickers {}fast", missing="flat in space"),
    "transport_spread": Phrase("unsteadiness of apparent motion", "apparent motion {}steady", "apparent motion {}unsteady", missing="flat in space"),
    "transport_share": Phrase("share of change by shifts", "shifts explain {}little of the change", "shifts explain {}much of the change"),
    "spreading_speed": Phrase("speed of spreading", "change spreads {}slowly", "change spreads {}fast", missing=""),
    "granger_neighbours": Phrase("influence of neighbours", "neighbours matter {}little", "neighbours matter {}much"),
    "granger_eastward": Phrase("eastward excess of influence", "influence {}clearly westward", "influence {}clearly eastward", signed=True),
    "granger_southward": Phrase("southward excess of influence", "influence {}clearly northward", "influence {}clearly southward", signed=True),
    "transfer_entropy_neighbours": Phrase("information between neighbours", "neighbours share {}little information", "neighbours share {}much information"),
    "transfer_entropy_gap": Phrase("one-sidedness of information", "information flows {}evenly both ways", "information flows {}one-sidedly"),
    "neighbour_correlation": Phrase("correlation of neighbours", "neighbours {}weakly correlated", "neighbours {}strongly correlated"),
    "neighbour_lag": Phrase("delay between neighbours", "neighbours follow after {}few units of time", "neighbours follow after {}many units of time"),
    "granger_channels": Phrase("influence between channels", "channels drive each other {}little", "channels drive each other {}much", missing="one channel"),
    "granger_channel_direction": Phrase("excess of influence by earlier channels", "later channels drive earlier ones {}clearly", "earlier channels drive later ones {}clearly", signed=True, missing="one channel"),
    "transfer_entropy_channels": Phrase("information between channels", "channels share {}little information", "channels share {}much information", missing="one channel"),
    "channel_lag": Phrase("delay of later channels", "later channels lead by {}many units of time", "later channels lag by {}many units of time", signed=True, missing="one channel"),
    "time_irreversibility": Phrase("asymmetry of rises and falls", "falls {}clearly faster than it rises", "rises {}clearly faster than it falls", signed=True),
    # invariant_drift
    "mass_drift": Phrase("net change of the mean", "mean falls {}much", "mean rises {}much", signed=True, missing=""),
    "mass_drift_rate": Phrase("rate of change of the mean", "mean falls {}fast", "mean rises {}fast", signed=True, missing=""),
    "mass_increment_variance": Phrase("unevenness of the mean", "mean {}steady or drifting evenly", "mean changes {}unevenly", missing=""),
    "mass_monotonicity": Phrase("one-way drift of the mean", "mean tends {}clearly downwards", "mean tends {}clearly upwards", signed=True, missing="mean never changes"),
    "l2_drift": Phrase("net change of the energy", "energy falls {}much", "energy rises {}much", signed=True, missing="zero at some time"),
    "l2_drift_rate": Phrase("rate of change of the energy", "energy falls {}fast", "energy rises {}fast", signed=True, missing="zero at some time"),
    "l2_increment_variance": Phrase("unevenness of the energy", "energy {}steady or drifting evenly", "energy changes {}unevenly", missing="zero at some time"),
    "l2_monotonicity": Phrase("one-way drift of the energy", "energy tends {}clearly downwards", "energy tends {}clearly upwards", signed=True, missing="energy never changes"),
    "linf_drift": Phrase("net change of the peak value", "peak value falls {}much", "peak value rises {}much", signed=True, missing="zero at some time"),
    "linf_increment_variance": Phrase("unevenness of the peak value", "peak value {}steady or drifting evenly", "peak value changes {}unevenly", missing="zero at some time"),
    "linf_monotonicity": Phrase("one-way drift of the peak value", "peak value tends {}clearly downwards", "peak value tends {}clearly upwards", signed=True, missing="peak value never changes"),
    "variation_drift": Phrase("net change of the roughness", "roughness falls {}much", "roughness rises {}much", signed=True, missing="flat at all times"),
    "variation_increment_variance": Phrase("unevenness of the roughness", "roughness {}steady or drifting evenly", "roughness changes {}unevenly", missing="flat at all times"),
    "variation_monotonicity": Phrase("one-way drift of the roughness", "roughness tends {}clearly downwards", "roughness tends {}clearly upwards", signed=True, missing="roughness never changes"),
    "entropy_drift": Phrase("net spreading of the energy", "energy gathers {}much in few places", "energy spreads out {}much", signed=True, missing="zero at some time"),
    "entropy_increment_variance": Phrase("unevenness of where the energy lies", "places of the energy {}steady or drifting evenly", "places of the energy change {}unevenly", missing="zero at some time"),
    "entropy_monotonicity": Phrase("one-way spreading of the energy", "energy tends {}clearly to gather", "energy tends {}clearly to spread out", signed=True, missing="places of the energy never change"),
    "low_l1_drift": Phrase("net growth of large structures", "large structures fade {}much", "large structures grow {}much", signed=True, missing="no large structures"),
    "high_l2_drift": Phrase("net growth of fine structures", "fine structures fade {}much", "fine structures grow {}much", signed=True, missing="no fine structures"),
    "high_l2_increment_variance": Phrase("unevenness of fine structures", "strength of fine structures {}steady or drifting evenly", "strength of fine structures changes {}unevenly", missing="no fine structures"),
    "high_l2_monotonicity": Phrase("one-way growth of fine structures", "fine structures tend {}clearly to fade", "fine structures tend {}clearly to grow", signed=True, missing="fine structures never change"),
    "high_entropy_drift": Phrase("net spreading of fine structures", "fine structures gather {}much in few places", "fine structures spread out {}much", signed=True, missing="no fine structures"),
    "high_entropy_monotonicity": Phrase("one-way spreading of fine structures", "fine structures tend {}clearly to gather", "fine structures tend {}clearly to spread out", signed=True, missing="places of fine structures never change"),
    "cascade_direction": Phrase("one-way flow to finer scales", "flows {}steadily to larger scales", "flows {}steadily to finer scales", signed=True, missing="flat at some time"),
    # operator_sensitivity
    "local_gain": Phrase("largest gain of a step", "a step stretches disturbances {}little", "a step stretches disturbances {}much", missing="no step operator"),
    "amplified_wavenumber": Phrase("most amplified wavenumber", "favours {}large structures", "favours {}fine structures", missing="no step operator"),
    "amplified_extent": Phrase("extent of the amplified disturbance", "disturbances grow {}locally", "disturbances grow {}widely", missing="no step operator"),
    "twin_growth_rate": Phrase("growth rate of disturbances", "twin runs converge {}fast per unit of time", "twin runs part {}fast per unit of time", signed=True, missing="no step operator"),
    "growth_unsteadiness": Phrase("unsteadiness of the distance of twins", "distance of twin runs changes {}steadily", "distance of twin runs changes {}unsteadily", missing="no step operator"),
    "noise_gain": Phrase("share of white noise kept", "keeps {}little of white noise", "keeps {}much of white noise", missing="no step operator"),
    "offset_gain": Phrase("share of an offset kept", "keeps {}little of an offset", "keeps {}much of an offset", missing="no step operator"),
    "medium_gain_change": Phrase("gain of medium against small disturbances", "medium disturbances grow {}much less than small ones", "medium disturbances grow {}much more than small ones", signed=True, missing="no step operator"),
    "large_gain_change": Phrase("gain of large against medium disturbances", "large disturbances grow {}much less than medium ones", "large disturbances grow {}much more than medium ones", signed=True, missing="no step operator"),
    "superposition_error": Phrase("nonlinearity of a step", "steps {}nearly linear", "steps {}nonlinear", missing="no step operator"),
    "translation_error": Phrase("dependence on place or grid", "place and grid matter {}little", "place or grid matters {}much", missing="no step operator"),
    "rotation_error": Phrase("dependence on the direction", "direction matters {}little", "direction matters {}much", missing="no step operator"),
    "influence_radius": Phrase("reach of a step", "reach {}short in units of length", "reach {}long in units of length", missing="no step operator"),
    "influence_growth": Phrase("growth of the reach", "reach grows {}little", "reach grows {}much", missing="no step operator"),
    # nonlinear
    "lyapunov_exponent": Phrase("parting of similar states", "similar states part {}slowly or not", "similar states part {}fast"),
    "correlation_dimension": Phrase("correlation dimension", "local series fill {}few dimensions", "local series fill {}many dimensions"),
    "recurrence_rate": Phrase("share of recurrences", "states come again {}rarely", "states come again {}often"),
    "determinism": Phrase("likeness after recurrences", "states that come again go on {}differently", "states that come again go on {}much alike"),
    "laminarity": Phrase("share of lingering", "lingers {}rarely", "lingers {}often"),
    "neighbor_forecast_error": Phrase("error of forecasts", "{}predictable from its past", "{}unpredictable from its past"),
    "forecast_error_growth": Phrase("growth of the forecast error", "forecasts worsen {}slowly", "forecasts worsen {}fast"),
    "sample_entropy": Phrase("irregularity", "{}regular course", "{}irregular course"),
    "permutation_entropy_deficit_fine": Phrase("order of successive values", "{}random order from step to step", "{}strict order from step to step"),
    "permutation_entropy_deficit_medium": Phrase("order over three steps", "{}random order over three steps", "{}strict order over three steps"),
    "permutation_entropy_deficit_coarse": Phrase("order over nine steps", "{}random order over nine steps", "{}strict order over nine steps"),
    "chaos_zero_one": Phrase("score in the 0-1 test", "{}regular in the 0-1 test", "{}chaotic in the 0-1 test"),
    "dfa_exponent": Phrase("fluctuation exponent", "fluctuations level off {}soon", "fluctuations build up {}long"),
    "dfa_crossover": Phrase("levelling of fluctuations", "fluctuations grow {}much faster over long times", "fluctuations level off {}much over long times", signed=True),
    "lempel_ziv_complexity": Phrase("complexity of the ups and downs", "{}simple ups and downs", "{}complex ups and downs"),
    "surrogate_nonlinearity": Phrase("gain by nonlinear forecasts", "nonlinear forecasts gain {}little", "nonlinear forecasts gain {}much"),
    "bicoherence": Phrase("coupling of frequencies", "frequencies {}weakly coupled", "frequencies {}strongly coupled"),
    "excess_mutual_information": Phrase("nonlinear dependence on the past", "depends {}linearly on its past", "depends {}nonlinearly on its past"),
    # integrated
    "omega_centroid": Phrase("mean frequency", "frequencies {}low per unit of time", "frequencies {}high per unit of time"),
    "omega_spread": Phrase("spread of frequencies", "each wave {}sharp in frequency", "each wave {}broad in frequency"),
    "dispersion_slope": Phrase("frequency for the wavenumber", "frequency {}low for its wavenumber", "frequency {}high for its wavenumber"),
    "ridge_strength": Phrase("sharpness of the dispersion", "{}diffuse dispersion", "{}sharp dispersion"),
    "running_wave_share": Phrase("share of running waves", "{}few running waves", "{}many running waves"),
    "orthogonal_rank": Phrase("number of modes", "{}few modes", "{}many modes"),
    "orthogonal_leading_share": Phrase("share of the two strongest modes", "two modes carry {}little", "two modes carry {}much"),
    "orthogonal_rank_growth": Phrase("growth of the number of modes", "number of modes falls {}much", "number of modes rises {}much", signed=True),
    "dynamic_mode_growth": Phrase("growth of the strongest mode", "strongest mode decays {}fast", "strongest mode grows {}fast", signed=True),
    "dynamic_mode_frequency": Phrase("frequency of the strongest mode", "strongest mode turns {}slowly or not", "strongest mode turns {}fast"),
    "dynamic_mode_residual": Phrase("rest beyond linear modes", "linear modes predict it {}well", "linear modes predict it {}badly"),
    "fluctuation_length": Phrase("wavelength of the changes", "wavelengths of the changes {}short in units of length", "wavelengths of the changes {}long in units of length"),
    "comoving_correlation": Phrase("survival of the moving pattern", "moving pattern {}short-lived", "moving pattern {}long-lived"),
    "coverage": Phrase("share of states visited", "places visit {}few states", "places visit {}many states", missing="constant everywhere"),
    "temporal_variance_share": Phrase("share of change in time", "varies {}little in time", "varies {}much in time", missing="constant everywhere"),
    "channel_phase_locking": Phrase("phase locking of channels", "channels {}loosely locked in phase", "channels {}firmly locked in phase", missing="one channel"),}  # fmt: skip
"""Feature → its phrase, for every feature of a trajectory: those that a run is tokenized by."""
