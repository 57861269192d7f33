"""The verdict on a tokenizer, as one value: figures of every split, baselines beside them, and the thresholds."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from spinlock.core.errors import InputError, did_you_mean
from spinlock.metrics.baselines import BaselineFigures
from spinlock.metrics.stability import TokenAgreement
from spinlock.metrics.usage import QuantizerUsage

MSE_THRESHOLD = 0.1
UTILIZATION_THRESHOLD = 0.8
ORTHOGONALITY_THRESHOLD = 0.15
INFORMATIVENESS_THRESHOLD = 0.5


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
        informativeness: reconstruction error of the partial decoders, as the training measures it; NaN likewise.
        out_of_corpus: share of rows beyond the boundary of the corpus; NaN where there is no boundary.
        round_trip: share of tokens that stay the same when the decoded columns are encoded again; NaN not measured.
        agreements: of every codebook between disjoint realizations of the same samples; empty where not measured.
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

    @property
    def entropy_bits(self) -> float:
        """Σ of all codebooks' entropies on these rows."""
        return self.entropy_bits_by_level[-1]

    @property
    def median_column_r2(self) -> float:
        """Median R² of the columns that vary; NaN where none does."""
        known = [value for value in self.column_r2.values() if not math.isnan(value)]
        return median(known) if known else math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How good a tokenizer is, with everything that is needed to doubt it.

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
    baselines: tuple[BaselineFigures, ...] = ()
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
        return json.dumps(_without_nan(asdict(self)), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read what `to_json` wrote.

        Raises:
            InputError: if the text is not a report.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            return cls(
                splits={name: _split_from(split) for name, split in data["splits"].items()},
                category_names=tuple(data["category_names"]),
                codebook_sizes=tuple(tuple(sizes) for sizes in data["codebook_sizes"]),
                bits=float(data["bits"]),
                baselines=tuple(BaselineFigures(**b | {"mse": _numbers(b["mse"])}) for b in data["baselines"]),
                backend=data["backend"],
                backend_mse=_numbers(data["backend_mse"]),
                provenance=data["provenance"],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"the report is not readable: {type(error).__name__}: {error}.") from error


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


def _split_from(data: dict[str, Any]) -> SplitFigures:
    return SplitFigures(
        num_samples=int(data["num_samples"]),
        mse=_number(data["mse"]),
        r2=_number(data["r2"]),
        mse_by_level=tuple(map(_number, data["mse_by_level"])),
        level_gains=tuple(map(_number, data["level_gains"])),
        category_mse={name: tuple(map(_number, errors)) for name, errors in data["category_mse"].items()},
        category_r2=_numbers(data["category_r2"]),
        column_r2=_numbers(data["column_r2"]),
        usage=tuple(map(_usage_from, data["usage"])),
        bits_by_level=tuple(map(_number, data["bits_by_level"])),
        entropy_bits_by_level=tuple(map(_number, data["entropy_bits_by_level"])),
        collisions=_number(data["collisions"]),
        code_length_bits=_number(data["code_length_bits"]),
        orthogonality=_number(data["orthogonality"]),
        informativeness=_number(data["informativeness"]),
        out_of_corpus=_number(data["out_of_corpus"]),
        round_trip=_number(data["round_trip"]),
        agreements=tuple(TokenAgreement(**_with_nan(entry)) for entry in data["agreements"]),
    )


def _usage_from(data: dict[str, Any]) -> QuantizerUsage:
    return QuantizerUsage(**_with_nan(data))


def _with_nan(data: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in data.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: _number(value) for name, value in values.items()}


def _without_nan(value: Any) -> Any:
    """The same nested lists and mappings with null in place of NaN and infinity, which JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
