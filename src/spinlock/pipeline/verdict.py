"""A report in plain words and numbers, as the command line prints it."""

import math
from typing import Any

from spinlock.core import figures as table
from spinlock.core.figures import figures_of, rounded
from spinlock.core.repeatability import Replicates
from spinlock.core.report import Report

UNSEEN = "unseen"
"""The split of a data set that the tokenizer was not fitted to: all of its rows."""
ORDER = ("train", "validation", "test", "all", UNSEEN)


def verdict(report: Report, *, split: str = "test") -> dict[str, Any]:
    """What a token is good for, in a sentence, and tables of a report: thresholds on `split`, figures of every split, of categories, levels and baselines.

    `passed` says whether every threshold is met on `split`.
    """
    splits = {name: report.splits[name] for name in ORDER if name in report.splits}
    judged = report.figures(split)
    by_level = zip(judged.bits_by_level, judged.entropy_bits_by_level, judged.mse_by_level, strict=True)
    replicates = judged.replicates
    return {
        "good_for": judged.good_for,
        "passed": report.passed(split),
        "judged_on": "all rows of a data set of which none were seen" if split == UNSEEN else f"{split} rows",
        "backend": report.backend,
        "bits": report.bits,
        "validation_mse_of_backends": dict(report.backend_mse),
        "thresholds": [figures_of(check, table.CHECK) for check in report.checks(split)],
        "notes": [{"note": note} for note in judged.notes],
        "splits": [{"rows": name} | figures_of(figures, table.SPLIT) for name, figures in splits.items()],
        "baselines_at_equal_bits_mse": [
            {"coder": coder.name, "bits": coder.bits}
            | {name: rounded(coder.mse.get(name, math.nan)) for name in splits}
            for coder in report.coders
        ],
        "categories": [
            {"category": name, "r2": rounded(judged.category_r2[name])}
            | {f"mse_{level}_levels": rounded(mse) for level, mse in enumerate(judged.category_mse[name])}
            for name in report.category_names
        ],
        "levels": [
            {
                "level": level,
                "bits_up_to_it": rounded(bits),
                "entropy_bits_up_to_it": rounded(entropy),
                "mse": rounded(mse),
                "gain": rounded(gain),
                "reproducible_bits": rounded(reproducible),
            }
            | ({} if not replicates.r2 else _against_replicates(replicates, level))
            for level, (gain, reproducible, (bits, entropy, mse)) in enumerate(
                zip(judged.level_gains, judged.reproducible_bits_by_level, list(by_level)[1:], strict=True)
            )
        ],
        "same_token": [figures_of(entry, table.SAME_TOKEN) for entry in judged.same_tokens],
        "noise": [
            {"columns": name, "noise_over_variance": rounded(share)}
            for name, share in replicates.noise_by_aggregation.items()
        ],
        "agreement_between_realizations": [figures_of(entry, table.AGREEMENT) for entry in judged.agreements],
        "codebooks": [figures_of(usage, table.CODEBOOK) for usage in judged.usage],
    }


def _against_replicates(replicates: Replicates, level: int) -> dict[str, Any]:
    """What a level adds to R² of the row itself and of a replicate."""
    return {
        "r2_of_itself": rounded(replicates.own_r2[level + 1]),
        "r2_of_a_replicate": rounded(replicates.r2[level + 1]),
        "adds": rounded(replicates.r2[level + 1] - replicates.r2[level]),
        "standard_error": rounded(replicates.gain_errors[level]),
        "useful": level < replicates.useful_levels,
    }
