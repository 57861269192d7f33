"""Judge: pure functions of tensors, checked against independent references; one module an idea.

reconstruction   sums of errors over blocks of rows, and errors and R² from them: all columns, a category, a column
usage            how much of every codebook is used, corrected for the number of rows; collisions
stability        whether two descriptions of one sample get the same tokens, and how many bits they share
repeatability    decoded columns against a replicate: what of a row is behaviour, and what is noise
token_distance   how far apart two samples are, by tokens or by what they stand for
rate             nominal bits, entropy, code length, level by level
baselines        textbook coders at equal bits
column_health    tails, halves that disagree, and noise of the columns of a feature table
judge            all figures of one split
"""

from spinlock.metrics.baselines import fit_baselines
from spinlock.metrics.judge import ModelFigures, judge_split

__all__ = ["ModelFigures", "fit_baselines", "judge_split"]
