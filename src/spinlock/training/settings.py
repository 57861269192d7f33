"""How a tokenizer is trained."""

from dataclasses import dataclass

from spinlock.core.errors import ConfigError, did_you_mean
from spinlock.core.warp_names import WARP_CHOICES, WarpChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingSettings:
    """How the learned backend is trained, and how the classical one is fitted.

    Attributes:
        num_epochs: passes over the training rows; 0 keeps the classical start.
        num_steps: steps of the optimiser, in place of `num_epochs` where given.
        batch_size: rows a step; all rows where there are fewer.
        learning_rate: at the peak of the schedule.
        seed: for starts, shuffling, noise and dropout.
        weight_decay: of AdamW, on all trained weights.
        warmup: share of the steps over which the rate rises linearly from 0.
        final_rate: the rate at the end, as a share of `learning_rate`; between, it follows a cosine.
        input_noise: standard deviation of the noise on standardised inputs while training.
        category_dropout: chance of a category to be absent from a row while training.
        mixing_reach: how far towards a neighbour a training row is moved, as a fraction; 0 turns mixing off.
        num_neighbors: that a row is mixed with; 0 turns mixing off.
        training_beam: hypotheses a row while the codebooks are trained.
        beam: hypotheses of the search that encodes; 1 is greedy.
        patience: evaluations without a better validation error before training stops.
        evaluate_every: epochs between evaluations on validation rows.
        checkpoint_every: epochs between checkpoints.
        pool_rows: training rows and mixed copies that codebooks are fitted to, at most; of each row one copy at
            least and sixteen at most.
        refit_rounds: most rounds of fitting a category's codewords of all levels together; it stops at the first that
            does not help validation rows.
        joint_decoding: whether the predictive backend decodes a column from the tokens of all categories.
        num_centers: centres of its kernel; 0 leaves the linear part alone.
        consistent_decoding: whether its decoded rows are moved to where they encode to the codes they came from.
        restart_threshold: a code used less than this share of batch_size / num_tokens is moved to a training row.
        column_warp: what makes the tails of columns lighter before they are standardised, see `ColumnWarp.fit`.
        corpus_quantile: share of rows like the validation rows that is not to be called out of the corpus.
    """

    num_epochs: int = 410
    num_steps: int | None = None
    batch_size: int = 1024
    learning_rate: float = 7e-4
    seed: int = 0
    weight_decay: float = 1e-2
    warmup: float = 0.05
    final_rate: float = 0.0
    input_noise: float = 0.1
    category_dropout: float = 0.0
    mixing_reach: float = 0.7
    num_neighbors: int = 30
    training_beam: int = 5
    beam: int = 8
    patience: int = 20
    evaluate_every: int = 10
    checkpoint_every: int = 50
    pool_rows: int = 30_000
    refit_rounds: int = 8
    joint_decoding: bool = True
    num_centers: int = 1024
    consistent_decoding: bool = True
    restart_threshold: float = 0.05
    column_warp: WarpChoice = "auto"
    corpus_quantile: float = 0.95

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ConfigError(f"training needs {name} >= {least}; got {getattr(self, name)}.")
        if self.num_steps is not None and self.num_steps < 1:
            raise ConfigError(f"training needs num_steps >= 1; got {self.num_steps}.")
        if not 0 <= self.category_dropout < 1:
            raise ConfigError(f"`category_dropout` must be at least 0 and below 1; got {self.category_dropout}.")
        for name in ("warmup", "final_rate", "mixing_reach", "restart_threshold"):
            if getattr(self, name) > 1:
                raise ConfigError(f"`{name}` is a share of 1; got {getattr(self, name)}.")
        if not 0 < self.corpus_quantile <= 1:
            raise ConfigError(f"`corpus_quantile` must be above 0 and at most 1; got {self.corpus_quantile}.")
        if self.column_warp not in WARP_CHOICES:
            raise ConfigError(
                f"unknown column_warp '{self.column_warp}'. {did_you_mean(self.column_warp, WARP_CHOICES)}"
            )
        if not self.learning_rate > 0:
            raise ConfigError(f"training needs learning_rate > 0; got {self.learning_rate}.")


_LEAST = {
    "num_epochs": 0,
    "pool_rows": 1,
    "refit_rounds": 0,
    "num_centers": 0,
    "batch_size": 1,
    "weight_decay": 0,
    "warmup": 0,
    "final_rate": 0,
    "input_noise": 0,
    "mixing_reach": 0,
    "num_neighbors": 0,
    "training_beam": 1,
    "beam": 1,
    "patience": 1,
    "evaluate_every": 1,
    "checkpoint_every": 1,
    "restart_threshold": 0,
}
