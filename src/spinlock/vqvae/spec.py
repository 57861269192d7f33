"""What a tokenizer is asked to be: codebooks, the networks around them, the weights of the losses. Needs no torch."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_serializer, model_validator

from spinlock.core.errors import ConfigError
from spinlock.core.spec import Count, Flag, Location, NonNegative, Part, Spec, Word, expanded, located, shown

Size = Annotated[int, Field(strict=True, ge=1, le=65_536)]
"""Of a vector or a codebook."""

Warp = Literal["linear", "signed_log", "rank_gauss"]
"""The maps that a column can go through before it is standardised."""
MOST_WORDS = 16
"""Of a category."""
ROWS_PER_WORD = 20
"""Rows or single runs a word from which on words are taken without being asked for."""
WarpChoice = Literal["auto", Warp]
"""One map for all columns, or what each needs."""


class Level(Spec):
    """One codebook of every category, coarse to fine."""

    latent_dim: Size
    """Dimensions of the space in which the nearest codeword is looked up."""

    num_tokens: Annotated[int, Field(strict=True, ge=2, le=65_536)]
    """Number of codewords."""


class EncoderSpec(Spec):
    """How the columns of one feature family are encoded by the learned quantiser."""

    encoder: Word = "MLPEncoder"
    """Name of what encodes the columns of each category, for example MLPEncoder, or module:name of one of your own."""

    encoder_params: dict[str, Any] = {}
    """Parameters of the encoder, by name."""

    @model_validator(mode="after")
    def _check_encoder(self) -> "EncoderSpec":
        """The encoder is in the table and can be made from the parameters."""
        from spinlock.vqvae.encoders import ENCODERS  # noqa: PLC0415 a schema is read without torch

        try:
            ENCODERS[self.encoder]
        except ConfigError as error:
            raise located([(("encoder",), str(error).rstrip("."))]) from error
        if mistakes := _parameter_mistakes(self.encoder, self.encoder_params):
            raise located([(("encoder_params", *below), mistake) for below, mistake in mistakes])
        return self


def _parameter_mistakes(name: str, parameters: Mapping[str, Any]) -> list[tuple[Location, str]]:
    """What is wrong with the parameters of an encoder, each with its location below them; empty if it can be made."""
    import torch  # noqa: PLC0415

    from spinlock.vqvae.encoders import ENCODERS, GIVEN_LATER  # noqa: PLC0415

    known = inspect.signature(ENCODERS[name]).parameters
    mistakes: list[tuple[Location, str]] = []
    for parameter, value in parameters.items():
        try:
            ENCODERS.check_parameters(name, {parameter: value}, given_later=GIVEN_LATER)
            TypeAdapter(known[parameter].annotation).validate_python(value, strict=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                for below, _, rule, got in expanded(detail):
                    mistakes.append(((parameter, *below), f"{rule} [got {shown(got)}]"))
        except ConfigError as error:
            mistakes.append(((parameter,), str(error).rstrip(".")))
    if mistakes:
        return mistakes
    try:
        with torch.device("meta"):  # nothing is allocated, whatever the sizes are
            ENCODERS.build(name, num_categories=1, input_dim=1, generator=torch.Generator("cpu"), **parameters)
    except ConfigError as error:
        return [((), str(error).rstrip("."))]
    return []


class QuantizerSpec(Spec):
    """How the codebooks of the learned quantiser move while it is trained."""

    commitment_cost: NonNegative = 0.45
    """Weight of the term that pulls embeddings to their codewords."""

    use_ema: Flag = True
    """Whether codebooks follow moving averages (true) or gradients (false)."""

    decay: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.99
    """Decay of the moving averages, a step."""

    restart_threshold: Part = 0.05
    """A code used less than this share of the rows a code is moved to a training row."""


def _levels(value: object) -> object:
    """None for "auto", which no other value stands for; a pair is a level too."""
    if value is None:
        raise ValueError("must be a list of levels or 'auto'")
    if value == "auto":
        return None
    if isinstance(value, list | tuple):
        keys = tuple(Level.model_fields)
        pairs = (len(keys) if isinstance(level, list | tuple) else None for level in value)
        return [
            dict(zip(keys, level, strict=True)) if size and len(level) == size else level
            for level, size in zip(value, pairs, strict=True)
        ]
    return value


class ModelSpec(QuantizerSpec):
    """The shape of the tokenizer."""

    levels: Annotated[
        Annotated[tuple[Level, ...], Field(min_length=1, max_length=16)] | None, BeforeValidator(_levels)
    ] = "auto"  # pyright: ignore[reportAssignmentType] validated into None
    """Codebooks of every category, coarse to fine; "auto" leaves their sizes to what validation rows gain."""

    bits: Count | None = None
    """Bits a sample for levels: auto to spread; null for three levels of at least 16 training rows a code."""

    category_tokens: dict[Word, tuple[Size, ...]] = {}
    """Category → its codebook sizes, one a level, in place of those of levels."""

    backend: Literal["auto", "vqvae", "classical", "predictive"] = "auto"
    """The trained quantiser, residual k-means, the same with a joint decoder ("predictive"), or the best ("auto")."""

    metric: Literal["auto", "columns", "behaviour"] = "auto"
    """What codes keep: the standardised columns, or coordinates in units of what noise does to them ("behaviour"); "auto" keeps
    behaviour where draws have several runs."""

    coarse: Literal["auto", "codebook", "words"] = "auto"
    """The first level: a codebook, or words, each defined by what at most three columns are like; "auto" takes words where no
    first level has more than 16 codes, and rows and single runs are at least 20 a code."""

    group_embedding_dim: Size = 64
    """Dimensions of a category's embedding, which the levels quantise."""

    group_hidden_dim: Size = 128
    """Width of the layer between a category's encoder and its embedding."""

    orthogonality_weight: NonNegative = 0.1
    """Weight of the correlation between categories."""

    informativeness_weight: NonNegative = 0.1
    """Weight of the partial decoders' reconstruction."""

    @field_serializer("levels")
    def _written(self, levels: tuple[Level, ...] | None) -> Any:
        """As it is read: None is written "auto"."""
        return "auto" if levels is None else [level.model_dump() for level in levels]

    @model_validator(mode="after")
    def _check_sizes(self) -> "ModelSpec":
        """Sizes come from one source, and every override has one size a level."""
        mistakes = self._shape_mistakes()
        if self.levels is None:
            if self.category_tokens:
                mistakes.append((("category_tokens",), "contradicts levels: auto; give levels, or remove it"))
            if self.backend == "vqvae":
                text = "vqvae needs levels with sizes; give them, or choose another backend"
                mistakes.append((("backend",), text))
        else:
            if self.bits is not None:
                text = "contradicts levels, whose sizes are given; remove it, or set levels: auto"
                mistakes.append((("bits",), text))
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

    def _shape_mistakes(self) -> list[tuple[Location, str]]:
        """What codes keep and what the first level is go together with the rest."""
        if self.backend != "vqvae":
            return []
        text = "the vqvae backend keeps columns by codebooks; set {}, or choose another backend"
        plain = {"metric": "columns", "coarse": "codebook"}
        return [
            ((name,), text.format(usual)) for name, usual in plain.items() if getattr(self, name) not in ("auto", usual)
        ]

    def decided(self, *, has_replicates: bool, num_rows: int) -> "ModelSpec":
        """The same with `metric` and `coarse` decided where they are "auto".

        Args:
            has_replicates: whether some draw has several runs, which tell noise from behaviour.
            num_rows: training rows, or single runs of them.
        """
        is_plain = self.backend == "vqvae"
        sizes = [*self.category_tokens.values(), [level.num_tokens for level in self.levels or ()]]
        first = max((own[0] for own in sizes if own), default=MOST_WORDS)
        few = first <= MOST_WORDS and num_rows >= ROWS_PER_WORD * first
        automatic = {
            "metric": "behaviour" if has_replicates and not is_plain else "columns",
            "coarse": "words" if few and not is_plain else "codebook",
        }
        return self.model_copy(update={name: to for name, to in automatic.items() if getattr(self, name) == "auto"})
