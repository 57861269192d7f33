"""A report in plain words and numbers, as the command line prints it."""

import math
from typing import Any

from spinlock.metrics.report import Report, SplitFigures

UNSEEN = "unseen"
"""The split of a data set that the tokenizer was not fitted to: all of its rows."""
ORDER = ("train", "validation", "test", "all", UNSEEN)


def verdict(report: Report, *, split: str = "test") -> dict[str, Any]:
    """Tables of a report: thresholds on `split`, figures of every split, of categories, levels and baselines.

    `passed` says whether every threshold is met on `split`.
    """
    splits = [name for name in ORDER if name in report.splits]
    judged = report.figures(split)
    return {
        "passed": report.passed(split),
        "judged_on": "all rows of a data set of which none were seen" if split == UNSEEN else f"{split} rows",
        "backend": report.backend,
        "bits": report.bits,
        "validation_mse_of_backends": dict(report.backend_mse),
        "thresholds": [
            {
                "figure": check.name,
                "value": _number(check.value),
                "must_be": f"{'<' if check.must_be == 'below' else '>'} {check.threshold:g}",
                "passed": check.passed,
                "note": check.note,
            }
            for check in report.checks(split)
        ],
        "notes": [{"note": note} for note in notes(judged)],
        "splits": [
            {
                "rows": name,
                "samples": (figures := report.figures(name)).num_samples,
                "mse": _number(figures.mse),
                "r2": _number(figures.r2),
                "median_column_r2": _number(figures.median_column_r2),
                "orthogonality": _number(figures.orthogonality),
                "informativeness": _number(figures.informativeness),
                "entropy_bits": _number(figures.entropy_bits),
                "collisions": _number(figures.collisions),
                "round_trip": _number(figures.round_trip),
                "out_of_corpus": _number(figures.out_of_corpus),
            }
            for name in splits
        ],
        "baselines_at_equal_bits_mse": [
            {"coder": f"this tokenizer ({report.backend})", "bits": report.bits}
            | {name: _number(report.figures(name).mse) for name in splits},
            *(
                {"coder": baseline.name, "bits": baseline.bits}
                | {name: _number(baseline.mse.get(name, math.nan)) for name in splits}
                for baseline in report.baselines
            ),
        ],
        "categories": [
            {"category": name, "r2": _number(judged.category_r2[name])}
            | {f"mse_{level}_levels": _number(mse) for level, mse in enumerate(judged.category_mse[name])}
            for name in report.category_names
        ],
        "levels": [
            {
                "level": level,
                "bits_up_to_it": _number(judged.bits_by_level[level + 1]),
                "entropy_bits_up_to_it": _number(judged.entropy_bits_by_level[level + 1]),
                "mse": _number(judged.mse_by_level[level + 1]),
                "gain": _number(gain),
            }
            for level, gain in enumerate(judged.level_gains)
        ],
        "agreement_between_realizations": [
            {
                "category": entry.category,
                "level": entry.level,
                "same_sample": _number(entry.within),
                "other_samples": _number(entry.between),
                "corrected": _number(entry.corrected),
            }
            for entry in judged.agreements
        ],
        "codebooks": [
            {
                "category": usage.category,
                "level": usage.level,
                "codes": usage.num_codes,
                "rows_per_code": _number(usage.rows_per_code),
                "used_on_training_rows": _number(usage.used_train),
                "perplexity_share": _number(usage.perplexity_share),
                "used_here": _number(usage.used_held_out),
                "corrected": _number(usage.corrected),
            }
            for usage in judged.usage
        ],
    }


def notes(figures: SplitFigures) -> tuple[str, ...]:
    """What a careful reader should know and the tables do not say."""
    usage = figures.usage
    scarce = sum(u.rows_per_code < 16 for u in usage)
    starved = sum(u.rows_per_code < 1 for u in usage)
    said = [
        "Errors are in units of each column's spread on training rows, after winsorising at their 0.5 and 99.5 % quantiles "
        "and after the maps of heavy-tailed columns; 1 is what the column means reach.",
        "Orthogonality is the mean squared correlation between the embeddings of different categories; among "
        f"{figures.num_samples} rows chance alone gives about {1 / max(1, figures.num_samples - 1):.3f}.",
    ]
    if scarce:
        said.append(
            f"{scarce} of {len(usage)} codebooks have fewer than 16 training rows a code: they partly memorise, which the gap "
            "between training and test error shows."
        )
    if starved:
        said.append(
            f"{starved} of {len(usage)} codebooks have more codes than training rows, so they cannot all be used."
        )
    return tuple(said)


def _number(value: float) -> float | None:
    """Four significant digits; None where a figure was not measured."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
