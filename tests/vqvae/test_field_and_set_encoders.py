import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from spinlock import Tokenizer
from spinlock.core.errors import ConfigError
from spinlock.vqvae.encoders import ENCODERS
from spinlock.vqvae.grouped_features import GroupedFeatureExtractor
from spinlock.vqvae.spec import EncoderSpec

SMALL = {"num_units": 4, "num_blocks": 1}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def fields(height=6, width=5, channels=2):
    return torch.randn(3, 7, channels, height, width, generator=generator(1))


def of_fields(height=6, width=5, channels=2, **parameters):
    size = {"num_categories": 3, "input_dim": channels * height * width, "generator": generator()}
    return ENCODERS.build("ResNetFieldEncoder", height=height, width=width, **{**size, **SMALL, **parameters})


def of_sets(members=4, columns=3, **parameters):
    size = {"num_categories": 3, "input_dim": members * columns, "generator": generator()}
    return ENCODERS.build("SetEncoder", num_members=members, hidden_dim=5, **size, **parameters)


def sets(members=4, columns=3):
    return torch.randn(3, 7, members, columns, generator=generator(2))


@pytest.mark.parametrize("shift", [(1, 0), (0, 3), (4, 2)])
def test_a_field_shifted_around_a_periodic_grid_is_encoded_alike(shift):
    made = of_fields()
    shifted = fields().roll(shift, dims=(3, 4))
    torch.testing.assert_close(made(shifted.flatten(2)), made(fields().flatten(2)), atol=1e-6, rtol=1e-5)
    mirrored = fields().flip(3)
    assert not torch.allclose(made(mirrored.flatten(2)), made(fields().flatten(2)), atol=1e-4)


@pytest.mark.parametrize("times", [(2, 1), (3, 2)])
def test_the_same_weights_encode_a_field_of_several_periods_as_one_period(times):
    one, several = of_fields(), of_fields(height=6 * times[0], width=5 * times[1])
    several.load_state_dict(one.state_dict())
    tiled = fields().repeat(1, 1, 1, *times)
    torch.testing.assert_close(several(tiled.flatten(2)), one(fields().flatten(2)), atol=1e-6, rtol=1e-5)


def test_the_order_of_realizations_does_not_matter_and_their_values_do():
    made, values = of_sets(), sets()
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(made(values[:, :, order].flatten(2)), made(values.flatten(2)))
    assert not torch.allclose(made(values.flip(3).flatten(2)), made(values.flatten(2)), atol=1e-4)


def test_a_realization_that_is_masked_counts_for_nothing():
    made, values = of_sets(), sets()
    mask = torch.ones_like(values, dtype=torch.bool)
    mask[:, :, 3] = False
    other = values.clone()
    other[:, :, 3] = 100.0
    masked = made(values.flatten(2), mask.flatten(2))
    assert torch.equal(made(other.flatten(2), mask.flatten(2)), masked)
    fewer = of_sets(members=3)
    fewer.load_state_dict(made.state_dict())
    torch.testing.assert_close(fewer(values[:, :, :3].flatten(2)), masked)
    nothing = made(values.flatten(2), torch.zeros_like(mask).flatten(2))
    assert torch.isfinite(nothing).all()


@pytest.mark.parametrize("name", ["TemporalConvEncoder", "GRUEncoder"])
def test_runs_that_end_early_are_encoded_by_the_steps_that_they_have(name):
    made = ENCODERS.build(name, num_categories=3, input_dim=12, generator=generator(), num_steps=6)
    series = torch.randn(3, 7, 2, 6, generator=generator(4))
    mask = torch.ones_like(series, dtype=torch.bool)
    mask[..., 4:] = False
    other = torch.where(mask, series, 50.0)
    first, second = (made(one.flatten(2), mask.flatten(2)) for one in (series, other))
    assert torch.equal(first, second)
    short = ENCODERS.build(name, num_categories=3, input_dim=8, generator=generator(), num_steps=4)
    short.load_state_dict(made.state_dict())
    torch.testing.assert_close(first, short(series[..., :4].flatten(2)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("made", "rows"), [(of_fields(), fields().flatten(2)), (of_sets(), sets().flatten(2))])
def test_every_weight_acts_has_a_gradient_and_belongs_to_one_category(made, rows):
    plain, weights = made(rows), dict(made.named_parameters())
    for key, weight in weights.items():
        assert not torch.equal(functional_call(made, {**weights, key: weight + 0.5}, (rows,)), plain), key
    plain.square().sum().backward()
    assert all(weight.grad is not None for weight in weights.values())
    other = rows.clone()
    other[1] += 1.0
    assert ((made(other) - made(rows)).abs().amax(dim=(1, 2)) > 1e-4).tolist() == [False, True, False]


def test_tokens_of_fields_are_trained_and_read_back(tmp_path):
    waves = np.cos(2 * np.pi * np.arange(6)[:, None] / 6 + np.linspace(0, 6, 80)[:, None, None])
    rows = (waves * np.random.default_rng(0).uniform(0.5, 2.0, (80, 1, 4))).reshape(80, -1)
    made = Tokenizer(
        [(4, 8), (4, 4)],
        backend="vqvae",
        encoder="ResNetFieldEncoder",
        encoder_params={"height": 6, "width": 4, **SMALL},
        num_epochs=40,
        learning_rate=5e-3,
        mixing_reach=0.0,
        group_embedding_dim=12,
        group_hidden_dim=6,
        num_centers=10,
        refit=False,
    ).fit(rows)
    losses = [value for _, value in made.record_.curves["reconstruction"]]
    assert losses[-1] < losses[0]
    made.save_pretrained(tmp_path / "saved")
    assert torch.equal(Tokenizer.from_pretrained(tmp_path / "saved").encode(rows).codes, made.encode(rows).codes)


class Sums(nn.Module):
    """An encoder of the user's own; `wide` breaks its word."""

    def __init__(self, *, num_categories, input_dim, generator, wide: bool = False):
        super().__init__()
        del num_categories, input_dim, generator
        self.output_dim, self.wide = 1, wide

    def forward(self, x):
        return x if self.wide else x.sum(dim=2, keepdim=True)


def extractor(name, **parameters):
    sizes = {"num_categories": 3, "width": 5, "group_hidden_dim": 6, "group_embedding_dim": 4}
    return GroupedFeatureExtractor(encoder=name, encoder_params=parameters, generator=generator(), **sizes)


def test_an_encoder_of_ones_own_is_named_by_its_module():
    own = f"{__name__}:Sums"
    assert EncoderSpec(encoder=own, encoder_params={"wide": False}).encoder == own
    assert isinstance(extractor(own).encoder, Sums)
    with pytest.raises(ConfigError, match=r"'wide' .*bool|encoder_params.wide"):
        EncoderSpec(encoder=own, encoder_params={"wide": 3})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tabnanny:Sums", "which is not imported; import it first"),
        (f"{__name__}:Means", "has no encoder 'Means'"),
        ("FourierEncoder", "Did you mean 'FourierParameterEncoder'"),
    ],
)
def test_an_encoder_that_is_not_there_is_refused_and_nothing_is_imported(name, message):
    with pytest.raises(ConfigError, match=message):
        EncoderSpec(encoder=name)
    assert "tabnanny" not in sys.modules


def test_an_encoder_whose_result_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"into \(category, row, 1\), its output_dim; of .* made \(3, 2, 5\)"):
        extractor(f"{__name__}:Sums", wide=True)
