"""Sections as what the parts take: the one place where keys of a file become arguments."""

from collections.abc import Mapping
from dataclasses import fields

from spinlock.config.generate import GenerateConfig, Override
from spinlock.config.train import TrainConfig
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.training.settings import TrainingSettings


def tokenizer_config(config: TrainConfig) -> TokenizerConfig:
    """The shape of the tokenizer that a training file asks for."""
    model, family = config.model, config.families[config.family]
    return TokenizerConfig(
        levels=tuple(Level(latent_dim=level.latent_dim, num_tokens=level.num_tokens) for level in model.levels),
        backend=model.backend,
        group_embedding_dim=model.group_embedding_dim,
        group_hidden_dim=model.group_hidden_dim,
        encoder=family.encoder,
        encoder_params=family.encoder_params,
        commitment_cost=model.commitment_cost,
        use_ema=model.use_ema,
        decay=model.decay,
        orthogonality_weight=model.orthogonality_weight,
        informativeness_weight=model.informativeness_weight,
    )


def training_settings(config: TrainConfig) -> TrainingSettings:
    """How a training file asks the tokenizer to be trained; the keys have the names of the settings."""
    given = config.training.model_dump()
    return TrainingSettings(**{field.name: given[field.name] for field in fields(TrainingSettings)})


def split_fractions(config: TrainConfig) -> tuple[float, float, float]:
    """Shares of training, validation and test rows."""
    validation, test = config.training.validation_fraction, config.training.test_fraction
    return 1.0 - validation - test, validation, test


def feature_path(config: TrainConfig) -> str:
    """Where the columns of the family stand in the data-set file."""
    return f"/features/{config.family}/aggregated/features"


def system_weights(config: GenerateConfig) -> Mapping[str, float]:
    """System → its share of the samples."""
    return {name: system.weight for name, system in config.systems.items()}


def parameter_overrides(config: GenerateConfig) -> Mapping[str, Mapping[str, Override]]:
    """System → parameter → one value, the ends of a range, or the choices that stay."""
    return {name: system.parameters for name, system in config.systems.items() if system.parameters}
