"""The verdict on a tokenizer, as one value: figures of every split, baselines beside them, and the thresholds."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from spinlock.core.errors import InputError, did_you_mean
from spinlock.core.plain import from_plain, to_plain
from spinlock.core.repeatability import Replicates, SameToken, good_for
from spinlock.core.shown import shown

MSE_THRESHOLD = 0.1
UTILIZATION_THRESHOLD = 0.8
ORTHOGONALITY_THRESHOLD = 0.15
INFORMATIVENESS_THRESHOLD = 0.5
FEWEST_ROWS_PER_CODE = 16
REFIT_LABEL = "test MSE before fitting with validation rows too"
"""Key of a report's provenance: what the second fit, which takes validation rows in, changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One threshold and the figure that is held against it; a figure that was not measured (NaN) does not pass."""

    name: str
    value: float
    threshold: float
    must_be: Literal["below", "above"]
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value lies strictly on the right side."""
        return self.value < self.threshold if self.must_be == "below" else self.value > self.threshold

    @property
    def bound(self) -> str:
        """The threshold with its side, such as "< 0.1"."""
        return f"{'<' if self.must_be == 'below' else '>'} {self.threshold:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantizerUsage:
    """Use of one codebook (a category at a level).

    Attributes:
        category, level, num_codes: which codebook, and its size K.
        rows_per_code: training rows that have this category, over K; below about 16 a codebook memorises.
        dead_codes: codes that no training row uses.
        used_train: fraction of the K codes that the training rows use.
        perplexity: exp(entropy) of the code frequencies on the training rows, between 1 and K.
        used_held_out: fraction of the K codes that the split's rows use.
        corrected: distinct codes used by the split's rows over the number to expect of so many rows drawn with the
            training frequencies (`corrected_utilization`); about 1 where the tokens of both are distributed alike.
    """

    category: str
    level: int
    num_codes: int
    rows_per_code: float
    dead_codes: int
    used_train: float
    perplexity: float
    used_held_out: float
    corrected: float

    @property
    def perplexity_share(self) -> float:
        """Perplexity / K: 1 where all codes are equally frequent."""
        return self.perplexity / self.num_codes


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenAgreement:
    """Share of samples to which one codebook gives two independent descriptions the same code.

    Attributes:
        category, level: which codebook.
        num_samples: that have the category in both descriptions.
        within: share of these samples whose two codes are equal.
        between: the same for descriptions of two different samples: what chance gives.
        corrected: (within - between) / (1 - between): 1 where a sample's codes always agree, 0 where they agree no more
            often than those of two different samples (Cohen 1960, Educ. Psychol. Meas. 20, 37: kappa).
        reproducible_bits: mutual information of the two codes less that of shuffled pairs (`metrics.stability`).
        most_reproducible_bits: what as many samples would show if all codes agreed; below log₂ K where samples are few.
        num_codes: size K of the codebook.
        num_tokens: codes that come in either description.
        num_detectors: of these, codes whose F1 as detectors of themselves in the other description is at least .8.
    """

    category: str
    level: int
    num_samples: int
    within: float
    between: float
    corrected: float
    reproducible_bits: float = math.nan
    most_reproducible_bits: float = math.nan
    num_codes: int = 0
    num_tokens: int = 0
    num_detectors: int = 0

    @property
    def nominal_bits(self) -> float:
        """log₂ K."""
        return math.log2(self.num_codes) if self.num_codes else math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class CoderFigures:
    """Cost and error of one coder.

    Attributes:
        name: in words.
        bits: it spends on a sample; a baseline's never exceed the tokenizer's.
        mse: split → mean squared error over the present entries.
    """

    name: str
    bits: float
    mse: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitFigures:
    """All figures of one split, in the tokenizer's normalised space.

    Attributes:
        num_samples: rows.
        mse: mean squared error over the present entries, all levels decoded.
        r2: explained share of the variance of these rows, all columns pooled.
        mse_by_level: MSE with 0, 1, 2, … levels decoded; entry 0 is the training mean's.
        level_gains: what each level takes off the error that was left.
        category_mse: category → MSE with 0, 1, 2, … levels decoded.
        category_r2: category → pooled R², all levels decoded.
        column_r2: column → R²; NaN for one that does not vary here.
        usage: of every codebook, category by category, coarse to fine.
        bits_by_level: nominal bits a sample of 0, 1, 2, … levels: with `mse_by_level` the rate-distortion curve.
        entropy_bits_by_level: Σ of the codebooks' entropies on these rows, likewise.
        collisions: share of distinct rows whose whole tuple of tokens is also that of a row with other columns.
        code_length_bits: bits a sample with code lengths fixed on the training tokens.
        orthogonality: correlation between categories, as the training measures it; NaN where it was not measured.
        informativeness: mean error of the decodings from fewer than all levels; NaN likewise.
        out_of_corpus: share of rows beyond the boundary of the corpus; NaN where there is no boundary.
        round_trip: share of tokens that stay the same when the decoded columns are encoded again; NaN not measured.
        agreements: of every codebook between disjoint realizations of the same samples; empty where not measured.
        replicates: decoded columns against disjoint realizations of the same samples; empty likewise.
        same_tokens: how often a level's tokens come again when realizations, the start or parameters change; what could not be
            measured is not among them.
    """

    num_samples: int
    mse: float
    r2: float
    mse_by_level: tuple[float, ...]
    level_gains: tuple[float, ...]
    category_mse: Mapping[str, tuple[float, ...]]
    category_r2: Mapping[str, float]
    column_r2: Mapping[str, float]
    usage: tuple[QuantizerUsage, ...]
    bits_by_level: tuple[float, ...]
    entropy_bits_by_level: tuple[float, ...]
    collisions: float
    code_length_bits: float
    orthogonality: float = math.nan
    informativeness: float = math.nan
    out_of_corpus: float = math.nan
    round_trip: float = math.nan
    agreements: tuple[TokenAgreement, ...] = ()
    replicates: Replicates = Replicates()
    same_tokens: tuple[SameToken, ...] = ()

    @property
    def good_for(self) -> str:
        """What a token is good for, in one sentence."""
        return good_for(
            self.same_tokens,
            self.replicates,
            bits=self.bits_by_level[-1],
            reproducible_bits=self.reproducible_bits,
            most_reproducible_bits=self.most_reproducible_bits,
            num_levels=len(self.level_gains),
        )

    @property
    def reproducible_bits_by_level(self) -> tuple[float, ...]:
        """Σ of the codebooks' reproducible bits, one a level; NaN where they were not measured."""
        return tuple(
            _sum_of_known(entry.reproducible_bits for entry in self.agreements if entry.level == level)
            for level in range(len(self.level_gains))
        )

    @property
    def reproducible_bits(self) -> float:
        """Σ of all codebooks' reproducible bits."""
        return _sum_of_known(self.reproducible_bits_by_level)

    @property
    def most_reproducible_bits(self) -> float:
        """What as many samples would show if all codes agreed."""
        return _sum_of_known(entry.most_reproducible_bits for entry in self.agreements)

    @property
    def useful_bits(self) -> float:
        """Nominal bits up to the level beyond which R²_rep rises no more; NaN where that is not known."""
        levels = self.replicates.useful_levels
        return math.nan if levels < 0 else self.bits_by_level[levels]

    @property
    def r2_replicate(self) -> float:
        """R²_rep, all levels decoded."""
        return self.replicates.r2[-1] if self.replicates.r2 else math.nan

    @property
    def _coarse(self) -> list[TokenAgreement]:
        """Of the first level's codebooks, those with a choice of codes."""
        return [entry for entry in self.agreements if entry.level == 0 and entry.num_codes > 1]

    @property
    def num_coarse_tokens(self) -> int:
        """Coarse tokens that come at all in two descriptions of these rows."""
        return sum(entry.num_tokens for entry in self._coarse)

    @property
    def coarse_samples_a_token(self) -> float:
        """Samples that a coarse token came in, in the mean."""
        count = self.num_coarse_tokens
        return sum(entry.num_samples for entry in self._coarse) / count if count else math.nan

    @property
    def detectors(self) -> float:
        """Share of coarse tokens that detect their replicates with an F1 of at least .8."""
        count = self.num_coarse_tokens
        return sum(entry.num_detectors for entry in self._coarse) / count if count else math.nan

    @property
    def entropy_bits(self) -> float:
        """Σ of all codebooks' entropies on these rows."""
        return self.entropy_bits_by_level[-1]

    @property
    def median_column_r2(self) -> float:
        """Median R² of the columns that vary; NaN where none does."""
        known = [value for value in self.column_r2.values() if not math.isnan(value)]
        return median(known) if known else math.nan

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a careful reader should know and the figures do not say."""
        scarce = sum(usage.rows_per_code < FEWEST_ROWS_PER_CODE for usage in self.usage)
        starved = sum(usage.rows_per_code < 1 for usage in self.usage)
        said = [
            "Errors are in units of each column's spread on training rows, after winsorising at their 0.5 and 99.5 % quantiles "
            "and after the maps of heavy-tailed columns; 1 is what the column means reach.",
            "Orthogonality is the mean squared correlation between the embeddings of different categories; among "
            f"{self.num_samples} rows chance alone gives about {1 / max(1, self.num_samples - 1):.3f}.",
        ]
        if scarce:
            said.append(
                f"{scarce} of {len(self.usage)} codebooks have fewer than {FEWEST_ROWS_PER_CODE} training rows a code: they partly "
                "memorise, which the gap between training and test error shows."
            )
        if starved:
            said.append(
                f"{starved} of {len(self.usage)} codebooks have more codes than training rows, so they cannot all be used."
            )
        return tuple(said)


def _sum_of_known(values: Iterable[float]) -> float:
    """The sum of what is not NaN; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) if known else math.nan


@shown
@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Figures of a tokenizer, with everything that is needed to doubt it.

    Attributes:
        splits: "train", "validation", "test" → figures.
        category_names: in the order of the tokens.
        codebook_sizes: one row a category, one entry a level.
        bits: nominal bits a sample.
        baselines: coders with as many bits, on the same splits.
        backend: which backend was kept.
        backend_mse: backend → MSE on validation rows at equal bits, the one that was not kept beside the one that was.
        provenance: where it came from, in words: seed, versions, content hash of the data.
    """

    splits: Mapping[str, SplitFigures]
    category_names: tuple[str, ...]
    codebook_sizes: tuple[tuple[int, ...], ...]
    bits: float
    baselines: tuple[CoderFigures, ...] = ()
    backend: str = ""
    backend_mse: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)

    def figures(self, split: str) -> SplitFigures:
        """The figures of a split.

        Raises:
            InputError: naming the splits that the report has.
        """
        if split not in self.splits:
            raise InputError(f"the report has no split '{split}'. {did_you_mean(split, self.splits)}")
        return self.splits[split]

    @property
    def judged_split(self) -> str:
        """The split to judge by: test rows or, where none were held out, validation rows, or training rows at last."""
        return next((name for name in ("test", "validation", "train") if name in self.splits), "test")

    @property
    def coders(self) -> tuple[CoderFigures, ...]:
        """The tokenizer as a coder, then its baselines."""
        ours = {name: split.mse for name, split in self.splits.items()}
        return (CoderFigures(name=f"this tokenizer ({self.backend})", bits=self.bits, mse=ours), *self.baselines)

    def best_baseline(self, split: str) -> CoderFigures | None:
        """The baseline with the lowest error on a split; None where none was judged on it."""
        judged = [coder for coder in self.baselines if math.isfinite(coder.mse.get(split, math.nan))]
        return min(judged, key=lambda coder: coder.mse[split], default=None)

    def checks(self, split: str = "test") -> tuple[Check, ...]:
        """The thresholds, held against a split's figures.

        Utilisation is two checks: the share of its codes that every codebook uses on training rows, and, on other
        splits, the held-out use corrected for the number of rows. Either alone could be met by a bad codebook: the
        first by one that memorises, the second by one of which most codes are dead.
        """
        figures = self.figures(split)
        checks = [
            Check(name="reconstruction MSE", value=figures.mse, threshold=MSE_THRESHOLD, must_be="below"),
            _utilization_check(figures.usage, "used_train", "utilization on training rows, lowest codebook"),
        ]
        if split != "train":
            name = "utilization on held-out rows, corrected, lowest codebook"
            checks.append(_utilization_check(figures.usage, "corrected", name))
        for name, value, threshold in (
            ("orthogonality", figures.orthogonality, ORTHOGONALITY_THRESHOLD),
            ("informativeness", figures.informativeness, INFORMATIVENESS_THRESHOLD),
        ):
            note = "not measured" if math.isnan(value) else ""
            checks.append(Check(name=name, value=value, threshold=threshold, must_be="below", note=note))
        return tuple(checks)

    def passed(self, split: str = "test") -> bool:
        """Whether every threshold is met on a split."""
        return all(check.passed for check in self.checks(split))

    def to_json(self) -> str:
        """The report as strict JSON, readable by `from_json`; a figure that is undefined is null."""
        return json.dumps(to_plain(self), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read what `to_json` wrote.

        Raises:
            InputError: if the text is not a report, naming the place.
        """
        try:
            return from_plain(cls, json.loads(text))
        except ValueError as error:  # InputError and JSONDecodeError
            raise InputError(f"the report is not readable: {str(error).rstrip('.')}.") from error


def _utilization_check(usage: tuple[QuantizerUsage, ...], figure: str, name: str) -> Check:
    """The lowest codebook's use against the threshold, and which it is; categories that training never saw are left out."""
    seen = [u for u in usage if u.rows_per_code > 0]
    if not seen:
        return Check(name=name, value=math.nan, threshold=UTILIZATION_THRESHOLD, must_be="above", note="not measured")
    values = {f"{u.category} level {u.level}": float(getattr(u, figure)) for u in seen}
    passing = sum(value > UTILIZATION_THRESHOLD for value in values.values())
    lowest = min(values, key=lambda quantizer: -math.inf if math.isnan(values[quantizer]) else values[quantizer])
    share = median(u.perplexity_share for u in seen)
    note = (
        f"{passing} of {len(values)} codebooks pass; lowest: {lowest}; median perplexity/K on training rows {share:.2f}"
    )
    if len(seen) < len(usage):
        note += f"; {len(usage) - len(seen)} left out: no training row has their category"
    return Check(name=name, value=values[lowest], threshold=UTILIZATION_THRESHOLD, must_be="above", note=note)


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnTree:
    """The tree that an automatic grouping of columns was cut from.

    Attributes:
        linkage: scipy's matrix, one row a merge: two nodes, their distance, leaves below.
        leaves: column names, in the order of the linkage.
        groups: number of each leaf's category.
        stability: adjusted Rand index between halves of the rows; NaN where it was not measured.
        correlations: number of groups → mean squared rank correlation between columns of different groups.
        scores: number of groups → silhouette.
    """

    linkage: tuple[tuple[float, ...], ...]
    leaves: tuple[str, ...]
    groups: tuple[int, ...]
    stability: float
    correlations: Mapping[int, float] = field(default_factory=dict)
    scores: Mapping[int, float] = field(default_factory=dict)
