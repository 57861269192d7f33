"""What people say of windows of a run: of each feature of saved states its level, how it swings, where it goes, how restless it is."""

from typing import NamedTuple

FLAT, ONE_CHANNEL = "flat in space", "one channel"


class Said(NamedTuple):
    """How one feature of saved states is put into words.

    Attributes:
        noun: what is measured, in the singular, without an article.
        low, high: what a low or high level means, as a trait of a window; `{}` is where "very " goes.
        missing: why there is no value; "" where every state has one.
    """

    noun: str
    low: str
    high: str
    missing: str = FLAT


def told(feature: str, statistic: str) -> tuple[str, str, str, bool, str]:
    """Noun, low, high, whether the two are opposite directions, and why there is no value: the fields of a `Phrase`.

    Args:
        feature: of a saved state.
        statistic: "level", "swing", "trend" or "unrest".
    """
    plain = feature.replace("_", " ")
    own = SAID.get(feature, Said(plain, f"{{}}low {plain}", f"{{}}high {plain}", f"{plain} undefined"))
    noun, missing = own.noun, own.missing
    return {
        "level": (noun, own.low, own.high, False, missing),
        "swing": (f"swing of {noun}", f"{noun} {{}}steady", f"{noun} swings {{}}widely", False, missing),
        "trend": (f"trend of {noun}", f"{noun} falls {{}}fast", f"{noun} grows {{}}fast", True, missing),
        "unrest": (f"unrest of {noun}", f"{noun} {{}}smooth in time", f"{noun} {{}}restless", False, missing),
    }[statistic]


SAID = {
    "spatial_mean": Said("mean level", "mean level {}low", "mean level {}high", ""),
    "spatial_std": Said("contrast", "{}faint contrast", "{}strong contrast", ""),
    "spatial_skewness": Said("skewness", "low values {}rare", "high values {}rare"),
    "spatial_kurtosis": Said("peakedness", "values {}evenly spread", "{}few cells stand out"),
    "trough_depth": Said("depth of troughs", "{}shallow troughs", "{}deep troughs"),
    "peak_height": Said("height of peaks", "{}low peaks", "{}high peaks"),
    "median_offset": Said("offset of the median", "median {}far above the mean", "median {}far below the mean"),
    "quantile_skewness": Said("skewness of deciles", "low decile {}far out", "high decile {}far out"),
    "iqr_ratio": Said("width of the middle half", "middle half {}narrow", "middle half {}wide"),
    "mad_ratio": Said("mean deviation", "{}heavy tails", "{}light tails"),
    "spatial_bimodality": Said("bimodality in space", "{}clearly one phase", "{}clearly two phases"),
    "value_entropy": Said("entropy of values", "{}few values taken", "{}many values taken"),
    "gradient_magnitude": Said("steepness", "{}gentle slopes", "{}steep slopes", ""),
    "gradient_microscale": Said("width of slopes", "slopes {}narrow", "slopes {}wide"),
    "gradient_kurtosis": Said("rarity of steep places", "steep places {}common", "steep places {}rare"),
    "gradient_sparsity": Said("spread of slopes", "slopes in {}few places", "slopes {}evenly spread"),
    "gradient_anisotropy": Said("alignment of slopes", "slopes point {}many ways", "slopes {}well aligned"),
    "gradient_axis": Said("slope along x over y", "slopes {}mostly along y", "slopes {}mostly along x"),
    "gradient_diagonal": Said("slope along the diagonal", "slopes {}mostly along the other diagonal", "slopes {}mostly along one diagonal"),
    "curvature_wavenumber": Said("sharpness of detail", "{}smooth detail", "{}sharp detail"),
    "curvature_skewness": Said("skewness of curvature", "peaks {}much sharper than troughs", "troughs {}much sharper than peaks"),
    "occupied_fraction": Said("share of cells above the mean", "{}few cells above the mean", "{}many cells above the mean"),
    "interface_length": Said("length of boundaries", "{}short boundaries", "{}long boundaries"),
    "euler_number": Said("number of regions less holes", "holes {}far outnumber islands", "islands {}far outnumber holes"),
    "correlation_length_x": Said("length of correlation along x", "correlated over {}short ways along x", "correlated over {}long ways along x"),
    "correlation_length_y": Said("length of correlation along y", "correlated over {}short ways along y", "correlated over {}long ways along y"),
    "effective_rank": Said("rank of the pattern", "pattern {}simple in rows and columns", "pattern {}intricate in rows and columns"),
    "band_power_1": Said("power at the largest scale", "{}little at the largest scale", "{}much at the largest scale"),
    "band_power_2_3": Said("power at large scales", "{}little at large scales", "{}much at large scales"),
    "band_power_4_7": Said("power at medium scales", "{}little at medium scales", "{}much at medium scales"),
    "band_power_8_15": Said("power at small scales", "{}little at small scales", "{}much at small scales"),
    "band_power_16_up": Said("power at the smallest scales", "{}little at the smallest scales", "{}much at the smallest scales"),
    "spectral_centroid": Said("mean wavenumber", "{}coarse pattern", "{}fine pattern"),
    "spectral_spread": Said("spread of wavenumbers", "{}narrow range of scales", "{}wide range of scales"),
    "spectral_slope": Said("slope of the spectrum", "spectrum falls off {}steeply", "spectrum falls off {}slowly or rises"),
    "spectral_curvature": Said("bend of the spectrum", "spectrum bends {}far down", "spectrum bends {}far up"),
    "spectral_flatness": Said("flatness of the spectrum", "power in {}few scales", "power {}evenly in all scales"),
    "spectral_entropy": Said("entropy of scales", "scales {}unequal in power", "scales {}equal in power"),
    "active_modes": Said("number of waves", "{}few waves", "{}many waves"),
    "spectral_rolloff": Said("cutoff of the spectrum", "spectrum ends {}early", "spectrum reaches {}far"),
    "dominant_wavenumber": Said("strongest wavenumber", "strongest wave {}long", "strongest wave {}short"),
    "dominant_share": Said("share of the strongest wave", "strongest wave {}weak", "strongest wave {}dominant"),
    "peak_concentration": Said("concentration about the strongest scale", "power {}loosely about one scale", "power {}closely about one scale"),
    "dominant_axis": Said("strongest wave along x over y", "strongest wave {}mostly along y", "strongest wave {}mostly along x"),
    "dominant_diagonal": Said("strongest wave along the diagonal", "strongest wave {}mostly along the other diagonal", "strongest wave {}mostly along one diagonal"),
    "spectral_anisotropy": Said("preference for one direction", "waves run {}many ways", "waves {}well aligned"),
    "fourfold_order": Said("fourfold order", "{}little of a square lattice", "{}much of a square lattice"),
    "sixfold_order": Said("sixfold order", "{}little of a hexagonal lattice", "{}much of a hexagonal lattice"),
    "second_harmonic": Said("second harmonic", "second harmonic {}weak", "second harmonic {}strong"),
    "third_harmonic": Said("third harmonic", "third harmonic {}weak", "third harmonic {}strong"),
    "fine_scale_power": Said("power near the grid", "grid resolves it {}well", "grid resolves it {}badly"),
    "coherence_low": Said("coherence at large scales", "channels share {}little at large scales", "channels share {}much at large scales", ONE_CHANNEL),
    "coherence_high": Said("coherence at small scales", "channels share {}little at small scales", "channels share {}much at small scales", ONE_CHANNEL),
    "channel_correlation": Said("correlation of channels", "channels {}opposite in space", "channels {}alike in space", ONE_CHANNEL),
}  # fmt: skip
"""Feature of a saved state → its words, for all of them."""
