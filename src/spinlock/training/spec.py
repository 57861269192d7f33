"""How a tokenizer is fitted and trained. Needs no torch."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from spinlock.categories.spec import ClusterSpec
from spinlock.core.spec import (
    Beam,
    Count,
    FilePath,
    Flag,
    Location,
    NonNegative,
    Part,
    Positive,
    Seed,
    Share,
    Spec,
    Whole,
    Word,
    located,
)
from spinlock.vqvae.spec import WarpChoice

SUMMARY = ("summary", "sdf")
"""Two names of the family that every data set holds."""


def _device(name: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ValueError("must be cpu, cuda or cuda:<number>")
    return name


class FitSpec(ClusterSpec):
    """How codebooks, decoders and networks are fitted, and columns grouped."""

    num_epochs: Whole = 410
    """Passes over the training rows, at most; 0 keeps the classical start."""

    batch_size: Count = 1024
    """Rows a step; all rows where there are fewer."""

    learning_rate: Positive = 7e-4
    """Rate of the optimiser (AdamW) at the peak of its schedule."""

    weight_decay: NonNegative = 1e-2
    """Of the optimiser, on all trained weights."""

    warmup: Part = 0.05
    """Share of the steps over which the rate rises from 0."""

    final_rate: Part = 0.0
    """The rate at the end as a share of learning_rate; between, it follows a cosine."""

    input_noise: NonNegative = 0.1
    """Standard deviation of the noise on standardised columns while training."""

    mixing_reach: Part = 0.7
    """How far towards a neighbour a training row is moved, as a fraction; 0 turns mixing off."""

    num_neighbors: Whole = 30
    """Neighbours that a row is mixed with; 0 turns mixing off."""

    training_beam: Beam = 5
    """Hypotheses a row while the codebooks are trained."""

    beam: Beam = 8
    """Hypotheses of the search that encodes; 1 is greedy."""

    fit_rows: Count = 50_000
    """Training rows that codebooks and decoders are fitted to, at most; with more, a seeded choice of whole draws."""

    pool_rows: Count = 30_000
    """Training rows and copies mixed with neighbours that codebooks are fitted to, at most; 1 to 16 copies of each."""

    refit_rounds: Whole = 8
    """Most rounds of fitting a category's codewords of all levels together; the first without a gain is the last."""

    refit: Flag = True
    """Whether codebooks and decoders are fitted once more, to training and validation rows, after all is chosen."""

    joint_decoding: Flag = True
    """Whether a column is decoded from the tokens of all categories (true) or of its own (but for "classical")."""

    num_centers: Whole = 1024
    """Centres of the joint decoder's kernel; 0 leaves a linear decoder."""

    consistent_decoding: Flag = True
    """Whether rows that the predictive backend decodes are moved to where they encode to the same codes."""

    column_warp: WarpChoice = "auto"
    """What makes a column's tails lighter: nothing, a signed logarithm, ranks, or what each needs ("auto")."""

    corpus_quantile: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.95
    """Share of rows like the validation rows that is not to be called out of the corpus."""

    patience: Count = 20
    """Evaluations without a better validation error before training stops."""

    evaluate_every: Count = 10
    """Epochs between evaluations on validation rows."""

    checkpoint_every: Count = 50
    """Epochs between checkpoints."""

    validation_fraction: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.15
    """Share of the parameter draws that choose the model."""

    category_assignment: Literal["auto", "semantic"] | None = None
    """"auto" groups columns by clustering (so does a file without mapping and checkpoint), "semantic" by what they mean."""

    device: Annotated[str, AfterValidator(_device)] = "cpu"
    """Where codebooks and networks are fitted: cpu, cuda or cuda:<number>; searches need float64, which mps lacks."""

    seed: Seed = 0
    """Of the split, starts, shuffling, noise and dropout."""

    @property
    def is_mixing(self) -> bool:
        """Whether rows are moved towards neighbours."""
        return self.num_neighbors > 0 and self.mixing_reach > 0


class CrossSpec(Spec):
    """A term that couples families: the coarse tokens of one are predicted from the quantised vectors of others."""

    model_config = ConfigDict(populate_by_name=True)

    predict: Word = "summary"
    """The family whose coarse tokens are predicted."""

    sources: Annotated[tuple[Word, ...], Field(alias="from", min_length=1)]
    """The families that they are predicted from; one without a network, such as parameters, is told as its tokens say it."""

    weight: Positive = 1.0
    """Of the term (nats a token) beside the families' losses."""


class JointSpec(Spec):
    """How the networks of several families are trained in one run."""

    weighting: Literal["fixed", "uncertainty", "balanced"] = "fixed"
    """What the families' losses are weighed by: weights as they are given, trained homoscedastic uncertainties, or the
    balance of gradients where families are coupled (UPGrad, by the package torchjd)."""

    weights: dict[Word, Positive] = {}
    """Family → weight of its loss; 1 where it is not named."""

    cross: CrossSpec | None = None
    """A term that couples families; without one they are trained side by side, each as it would be alone."""


class TrainingSpec(FitSpec):
    """How a tokenizer is trained from files: the fit, where its categories come from, and where it is written."""

    joint: JointSpec | None = None
    """Train the networks of all families in one run; one family after the other when not given."""

    family_decoding: Flag = True
    """Whether a family's columns are decoded from the tokens of all families, where validation rows gain by it."""

    test_fraction: Share = 0.15
    """Share of the parameter draws that only the final figures see."""

    category_mapping_file: FilePath | None = None
    """A JSON file that says which columns are quantised together."""

    resume_from: FilePath | None = None
    """A checkpoint folder to go on from; the categories are the checkpoint's."""

    checkpoint_dir: FilePath = Path("checkpoints/tokenizer")
    """Where checkpoints and the tokenizer are written."""

    tensorboard: FilePath | None = None
    """A folder for TensorBoard's curves of the training (a family's own below it where there are several)."""

    @model_validator(mode="after")
    def _check_contradictions(self) -> "TrainingSpec":
        """One source of categories; something is left to train on."""
        mistakes: list[tuple[Location, str]] = []
        checkpoint = "contradicts resume_from, which brings the checkpoint's categories; remove one of the two"
        if self.category_mapping_file is not None and self.category_assignment is not None:
            text = f"contradicts category_assignment: {self.category_assignment}; remove one of the two"
            mistakes.append((("category_mapping_file",), text))
        if self.category_mapping_file is not None and self.resume_from is not None:
            mistakes.append((("category_mapping_file",), checkpoint))
        if self.category_assignment is not None and self.resume_from is not None:
            mistakes.append((("category_assignment",), checkpoint))
        source = next((name for name in ("category_mapping_file", "resume_from") if getattr(self, name)), None)
        if source is not None:
            text = f"bounds the clustering of columns, but {source} brings the categories; remove one of the two"
            mistakes.extend(
                ((name,), text)
                for name in ClusterSpec.model_fields
                if getattr(self, name) != type(self).model_fields[name].default
            )
        if self.validation_fraction + self.test_fraction >= 1:
            text = "with validation_fraction leaves nothing to train on; lower one so that their sum is less than 1"
            mistakes.append((("test_fraction",), text))
        if mistakes:
            raise located(mistakes)
        return self
