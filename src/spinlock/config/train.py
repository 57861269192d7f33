"""The schema of a training file: data set, feature families, tokenizer, training."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer, model_validator

from spinlock.config.document import Location
from spinlock.config.section import FilePath, Word, located
from spinlock.config.tables import encoder_mistake, encoder_params_mistakes, unknown
from spinlock.core.section import Beam, Count, Flag, NonNegative, Part, Positive, Section, Seed, Share, Whole
from spinlock.core.warp_names import WarpChoice
from spinlock.training.settings import TrainingSettings

_DEFAULT = TrainingSettings()

FAMILIES = ("summary", "sdf")
"""Feature families that a tokenizer is trained on; "summary" and "sdf" are two names of one."""


def _known_family(name: str) -> str:
    if mistake := unknown("feature family", name, dict.fromkeys(FAMILIES)):
        raise ValueError(mistake)
    return name


class FamilyConfig(Section):
    """How the columns of one feature family are encoded."""

    encoder: Word = "MLPEncoder"
    """Name of what encodes the columns of each category, for example MLPEncoder."""

    encoder_params: dict[str, Any] = {}
    """Parameters of the encoder, by name."""

    @model_validator(mode="after")
    def _check_encoder(self) -> "FamilyConfig":
        """The encoder is in the table and can be made from the parameters."""
        if mistake := encoder_mistake(self.encoder):
            raise located([(("encoder",), mistake)])
        if mistakes := encoder_params_mistakes(self.encoder, self.encoder_params):
            raise located([(("encoder_params", *below), mistake) for below, mistake in mistakes])
        return self


class LevelConfig(Section):
    """One codebook of every category, coarse to fine."""

    latent_dim: Annotated[int, Field(strict=True, ge=1, le=65_536)]
    """Dimensions of the codewords."""

    num_tokens: Annotated[int, Field(strict=True, ge=2, le=65_536)]
    """Number of codewords."""


def _levels(value: object) -> object:
    """None for "auto", which no other value stands for."""
    if value is None:
        raise ValueError("must be a list of levels or 'auto'")
    return None if value == "auto" else value


class ModelConfig(Section):
    """The shape of the tokenizer."""

    levels: Annotated[
        Annotated[tuple[LevelConfig, ...], Field(min_length=1, max_length=16)] | None, BeforeValidator(_levels)
    ]
    """Codebooks of every category, coarse to fine; "auto" leaves their sizes to what validation rows gain."""

    bits: Count | None = None
    """Bits a sample for levels: auto to spread; null for three levels of at least 16 training rows a code."""

    category_tokens: dict[Word, tuple[Annotated[int, Field(strict=True, ge=1, le=65_536)], ...]] = {}
    """Category → its codebook sizes, one a level, in place of those of levels."""

    backend: Literal["auto", "vqvae", "classical", "predictive"] = "auto"
    """The trained quantiser, residual k-means, the same with a joint decoder ("predictive"), or the best ("auto")."""

    group_embedding_dim: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 64
    """Dimensions of a category's embedding, which the levels quantise."""

    group_hidden_dim: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 128
    """Width of the layer between a category's encoder and its embedding."""

    hierarchy: Literal["residual", "parallel"] = "residual"
    """Whether each level codes what the ones before leave over, or a projection of the whole embedding."""

    start: Literal["classical", "random"] = "classical"
    """Where the trained quantiser begins: at k-means, or at random weights and codebooks without linear paths."""

    commitment_cost: NonNegative = 0.45
    """Weight of the term that pulls embeddings to their codewords."""

    use_ema: Flag = True
    """Whether codebooks follow moving averages (true) or gradients (false)."""

    decay: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.99
    """Decay of the moving averages, a step."""

    orthogonality_weight: NonNegative = 0.1
    """Weight of the correlation between categories."""

    informativeness_weight: NonNegative = 0.1
    """Weight of the partial decoders' reconstruction."""

    topographic_weight: NonNegative = 0.0
    """Weight of the distances between rows that embeddings do not keep."""

    @field_serializer("levels")
    def _written(self, levels: tuple[LevelConfig, ...] | None) -> Any:
        """As it is read: None is written "auto"."""
        return "auto" if levels is None else [level.model_dump() for level in levels]

    @model_validator(mode="after")
    def _check_sizes(self) -> "ModelConfig":
        """Sizes come from one source, and every override has one size a level."""
        mistakes: list[tuple[Location, str]] = []
        if self.levels is None:
            if self.category_tokens:
                mistakes.append((("category_tokens",), "contradicts levels: auto; give levels, or remove it"))
            if self.backend == "vqvae":
                text = "vqvae needs levels with sizes; give them, or choose another backend"
                mistakes.append((("backend",), text))
        else:
            if self.bits is not None:
                mistakes.append(
                    (("bits",), "contradicts levels, whose sizes are given; remove it, or set levels: auto")
                )
            if self.category_tokens and self.backend == "vqvae":
                text = "the vqvae backend has one size for all categories; remove it, or choose another backend"
                mistakes.append((("category_tokens",), text))
            for name, tokens in self.category_tokens.items():
                if len(tokens) != len(self.levels):
                    text = f"must have one size for each of the {len(self.levels)} levels; got {len(tokens)}"
                    mistakes.append((("category_tokens", name), text))
        if mistakes:
            raise located(mistakes)
        return self


class TrainingConfig(Section):
    """How the tokenizer is fitted."""

    num_epochs: Whole = _DEFAULT.num_epochs
    """Passes over the training rows, at most; 0 keeps the classical start."""

    num_steps: Count | None = _DEFAULT.num_steps
    """Steps of the optimiser, at most, in place of num_epochs."""

    batch_size: Count = _DEFAULT.batch_size
    """Rows a step; all rows where there are fewer."""

    learning_rate: Positive = _DEFAULT.learning_rate
    """Rate of the optimiser (AdamW) at the peak of its schedule."""

    weight_decay: NonNegative = _DEFAULT.weight_decay
    """Of the optimiser, on all trained weights."""

    warmup: Part = _DEFAULT.warmup
    """Share of the steps over which the rate rises from 0."""

    final_rate: Part = _DEFAULT.final_rate
    """The rate at the end as a share of learning_rate; between, it follows a cosine."""

    input_noise: NonNegative = _DEFAULT.input_noise
    """Standard deviation of the noise on standardised columns while training."""

    category_dropout: Share = _DEFAULT.category_dropout
    """Chance of a category to be absent from a row while training, so that decoders do without it."""

    mixing_reach: Part = _DEFAULT.mixing_reach
    """How far towards a neighbour a training row is moved, as a fraction; 0 turns mixing off."""

    num_neighbors: Whole = _DEFAULT.num_neighbors
    """Neighbours that a row is mixed with; 0 turns mixing off."""

    training_beam: Beam = _DEFAULT.training_beam
    """Hypotheses a row while the codebooks are trained."""

    beam: Beam = _DEFAULT.beam
    """Hypotheses of the search that encodes; 1 is greedy."""

    pool_rows: Count = _DEFAULT.pool_rows
    """Training rows and copies mixed with neighbours that codebooks are fitted to, at most; 1 to 16 copies of each."""

    refit_rounds: Whole = _DEFAULT.refit_rounds
    """Most rounds of fitting a category's codewords of all levels together; the first without a gain is the last."""

    joint_decoding: Flag = _DEFAULT.joint_decoding
    """Whether the predictive backend decodes a column from the tokens of all categories (true) or of its own."""

    num_centers: Whole = _DEFAULT.num_centers
    """Centres of the predictive backend's kernel; 0 leaves a linear decoder."""

    consistent_decoding: Flag = _DEFAULT.consistent_decoding
    """Whether rows that the predictive backend decodes are moved to where they encode to the same codes."""

    column_warp: WarpChoice = _DEFAULT.column_warp
    """What makes a column's tails lighter: nothing, a signed logarithm, ranks, or what each needs ("auto")."""

    restart_threshold: Part = _DEFAULT.restart_threshold
    """A code used less than this share of batch_size / num_tokens is moved to a training row."""

    corpus_quantile: Annotated[float, Field(strict=True, gt=0, le=1)] = _DEFAULT.corpus_quantile
    """Share of rows like the validation rows that is not to be called out of the corpus."""

    patience: Count = _DEFAULT.patience
    """Evaluations without a better validation error before training stops."""

    evaluate_every: Count = _DEFAULT.evaluate_every
    """Epochs between evaluations on validation rows."""

    checkpoint_every: Count = _DEFAULT.checkpoint_every
    """Epochs between checkpoints."""

    validation_fraction: Share = 0.15
    """Share of the parameter draws that choose the model."""

    test_fraction: Share = 0.15
    """Share of the parameter draws that only the final figures see."""

    category_assignment: Literal["auto"] | None = None
    """"auto" groups columns by clustering; this is also what happens without a mapping file and a checkpoint."""

    max_clusters: Count = 12
    """Most categories that clustering may find."""

    min_features_per_category: Count = 3
    """Columns of the smallest category that clustering may find; smaller groups join the nearest one."""

    orthogonality_target: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.15
    """Highest mean squared rank correlation between columns of different categories that clustering may leave."""

    category_mapping_file: FilePath | None = None
    """A JSON file that says which columns are quantised together."""

    resume_from: FilePath | None = None
    """A checkpoint folder to go on from; the categories are the checkpoint's."""

    checkpoint_dir: FilePath = Path("checkpoints/tokenizer")
    """Where checkpoints and the tokenizer are written."""

    seed: Seed = _DEFAULT.seed
    """Of the split, starts, shuffling, noise and dropout."""

    @model_validator(mode="after")
    def _check_contradictions(self) -> "TrainingConfig":
        """One source of categories; something is left to train on."""
        mistakes: list[tuple[Location, str]] = []
        if self.category_mapping_file is not None and self.category_assignment is not None:
            text = "contradicts category_assignment: auto; remove one of the two"
            mistakes.append((("category_mapping_file",), text))
        if self.category_mapping_file is not None and self.resume_from is not None:
            text = "contradicts resume_from, which brings the checkpoint's categories; remove one of the two"
            mistakes.append((("category_mapping_file",), text))
        if self.category_assignment is not None and self.resume_from is not None:
            text = "contradicts resume_from, which brings the checkpoint's categories; remove one of the two"
            mistakes.append((("category_assignment",), text))
        if self.category_mode != "auto":
            source = "category_mapping_file" if self.category_mode == "file" else "resume_from"
            text = f"bounds the clustering of columns, but {source} brings the categories; remove one of the two"
            mistakes.extend(
                ((name,), text)
                for name in ("max_clusters", "min_features_per_category", "orthogonality_target")
                if getattr(self, name) != type(self).model_fields[name].default
            )
        if self.num_steps is not None and "num_epochs" in self.model_fields_set:
            mistakes.append((("num_steps",), "contradicts num_epochs; remove one of the two"))
        if self.validation_fraction + self.test_fraction >= 1:
            text = "with validation_fraction leaves nothing to train on; lower one so that their sum is less than 1"
            mistakes.append((("test_fraction",), text))
        if mistakes:
            raise located(mistakes)
        return self

    @property
    def category_mode(self) -> Literal["auto", "file", "checkpoint"]:
        """Where the categories come from."""
        if self.category_mapping_file is not None:
            return "file"
        return "checkpoint" if self.resume_from is not None else "auto"


class TrainConfig(Section):
    """A tokenizer and how it is trained."""

    dataset_path: FilePath
    """The data-set file with the features."""

    families: Annotated[
        dict[Annotated[str, AfterValidator(_known_family)], FamilyConfig], Field(min_length=1, max_length=1)
    ]
    """Feature family → its encoder; a tokenizer is trained on one family."""

    model: ModelConfig
    training: TrainingConfig = TrainingConfig()

    @property
    def family(self) -> str:
        """The feature family that is tokenized."""
        return next(iter(self.families))
