"""The figures of a report by name, with how they are read and what they mean: for command line, JSON and page alike."""

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Literal, NamedTuple


class Figure(NamedTuple):
    """One figure of a record.

    Attributes:
        name: for programs and, with spaces, on the command line.
        attribute: of the record that holds it.
        title: on a page.
        style: of its writing on a page.
        note: what it means.
    """

    name: str
    attribute: str
    title: str = ""
    style: Literal["number", "percent", "text", "words", "yes", "mark"] = "number"
    note: str = ""


def figures_of(record: Any, figures: Iterable[Figure]) -> dict[str, Any]:
    """Name → value; numbers to four significant digits, None where one was not measured."""
    return {figure.name: rounded(attrgetter(figure.attribute)(record)) for figure in figures}


def rounded(value: Any) -> Any:
    """A float to four significant digits, None where it is not finite; everything else as it is."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None


SPLIT = (
    Figure("samples", "num_samples", "Samples", "text"),
    Figure("mse", "mse", "Mean squared error", note="over the values that are present, all levels decoded"),
    Figure("r2", "r2", "R², all columns pooled", note="explained share of the variance of these rows"),
    Figure("median_column_r2", "median_column_r2", "R², middle column", note="of the columns that vary"),
    Figure("orthogonality", "orthogonality", "Orthogonality", note="how far the codes of two categories repeat each other"),
    Figure("informativeness", "informativeness", "Informativeness", note="the error that is left when only the first levels are decoded"),
    Figure("entropy_bits", "entropy_bits", "Bits if each token cost its own frequency", note="too low where rows are few"),
    Figure("collisions", "collisions", "Distinct samples that share all their tokens", "percent", "they cannot be told apart"),
    Figure("round_trip", "round_trip", "Tokens that survive decoding and encoding again", "percent", "100 % where decoded columns stand for the tokens they came from"),
    Figure("r2_replicate", "r2_replicate", "R² against a replicate", note="of the signal that two disjoint sets of realizations of a sample share"),
    Figure("reproducible_bits", "reproducible_bits", "Reproducible bits", note="that the tokens of one such set say of the other's"),
    Figure("useful_bits", "useful_bits", "Useful bits", note="nominal ones, up to the level from which on R² against a replicate rises no more"),
    Figure("coarse_detectors", "detectors", "Coarse tokens that detect their replicates", "percent", "with an F1 of at least .8"),
    Figure("out_of_corpus", "out_of_corpus", "Samples unlike the corpus", "percent", "further from the training rows next to them, by how close these are to each other, than all but a stated share of validation rows"),
)  # fmt: skip
"""Of `SplitFigures`."""

CHECK = (
    Figure("figure", "name", "What is held to account", "words"),
    Figure("value", "value", "Figure"),
    Figure("must_be", "bound", "Must be", "text"),
    Figure("passed", "passed", "Verdict", "mark"),
    Figure("note", "note", "Note", "words"),
)
"""Of `Check`."""

CODEBOOK = (
    Figure("category", "category", "Category", "words"),
    Figure("level", "level", "Level", "text"),
    Figure("codes", "num_codes", "Codes", "text"),
    Figure("rows_per_code", "rows_per_code", "Training rows a code"),
    Figure("used_on_training_rows", "used_train", "Used on training rows"),
    Figure("perplexity_share", "perplexity_share", "Perplexity / codes"),
    Figure("used_here", "used_held_out", "Used here"),
    Figure("corrected", "corrected", "Corrected"),
)
"""Of `QuantizerUsage`."""

AGREEMENT = (
    Figure("category", "category", "Category", "words"),
    Figure("level", "level", "Level", "text"),
    Figure("same_sample", "within", "The same sample, other runs"),
    Figure("other_samples", "between", "Two different samples"),
    Figure("corrected", "corrected", "Corrected for chance"),
    Figure("reproducible_bits", "reproducible_bits", "Reproducible bits"),
    Figure("at_most", "most_reproducible_bits", "At most, by the number of samples"),
    Figure("tokens", "num_tokens", "Tokens that came", "text"),
    Figure("detectors", "num_detectors", "With F1 ≥ .8", "text"),
)
"""Of `TokenAgreement`."""

SAME_TOKEN = (
    Figure("at", "at", "What differs", "words"),
    Figure("level", "level", "Level", "text"),
    Figure("same", "same", "Same token", "percent"),
    Figure("by_chance", "chance", "By chance", "percent"),
    Figure("pairs", "num_pairs", "Pairs of tokens", "text"),
    Figure("step", "step", "Typical step"),
)
"""Of `SameToken`."""

FAMILY = (
    Figure("coder", "coder", "Coded by", "words"),
    Figure("bits", "bits", "Bits a sample"),
    Figure("error", "error", "Mean squared error"),
    Figure("codes_used", "codes_used", "Codes in use", "percent"),
    Figure("same_coarse_token", "same_coarse_token", "The same coarse token again", "percent"),
    Figure("at", "at", "At", "words"),
)
"""Of `plots.page.FamilyLine`."""

SAMPLING = (
    Figure("draws", "num_draws", "Draws", "text"),
    Figure("dimensions", "num_dimensions", "Dimensions", "text"),
    Figure("discrepancy", "discrepancy", "Discrepancy"),
    Figure("discrepancy_threshold", "random_discrepancy", "Must be below"),
    Figure("correlation", "max_correlation", "Largest |correlation|"),
    Figure("correlation_threshold", "random_correlation", "Must be below"),
    Figure("is_balanced", "is_balanced", "Power of two", "yes"),
    Figure("is_even", "is_even", "Verdict", "mark"),
)
"""Of `SystemSampling`."""
