"""Judge: pure functions of tensors, checked against independent references; one module an idea.

reconstruction   errors and R² over present entries: per column, category, level prefix
usage            how much of every codebook is used, corrected for the number of rows; collisions
stability        whether two realizations of one draw get the same tokens
token_distance   how far apart two samples are, by tokens or by what they stand for
rate             nominal bits, entropy, code length, level by level
baselines        textbook coders at equal bits (coder, transform_coding, residual_kmeans)
judge            all figures of one split
report           the figures of all splits as one value, and the thresholds
"""

from spinlock.metrics.baselines import BaselineFigures, fit_baselines, judge_baselines
from spinlock.metrics.judge import judge_split
from spinlock.metrics.report import Check, Report, SplitFigures
from spinlock.metrics.usage import QuantizerUsage

__all__ = [
    "BaselineFigures",
    "Check",
    "QuantizerUsage",
    "Report",
    "SplitFigures",
    "fit_baselines",
    "judge_baselines",
    "judge_split",
]
