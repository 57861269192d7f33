import pytest
import torch
from torch.func import functional_call

from spinlock import Tokenizer
from spinlock.core.errors import ConfigError
from spinlock.vqvae.encoders import ENCODERS
from spinlock.vqvae.sequence_encoders import as_series
from spinlock.vqvae.spec import EncoderSpec

SEQUENCES = ("TemporalConvEncoder", "GRUEncoder")
ALL = (*SEQUENCES, "FourierParameterEncoder")
SMALL = {
    "TemporalConvEncoder": {"num_steps": 4, "num_channels": 6, "num_layers": 2},
    "GRUEncoder": {"num_steps": 4, "num_units": 6},
    "FourierParameterEncoder": {"num_frequencies": 2, "hidden_dim": 6},
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def x(rows=20, columns=10):
    return torch.randn(3, rows, columns, generator=generator(1))


def encoder(name, *, columns=10, **parameters):
    given = {**SMALL[name], **parameters}
    return ENCODERS.build(name, num_categories=3, input_dim=columns, generator=generator(), **given)


def test_columns_become_series_of_steps_and_the_last_is_filled_up():
    series = as_series(x(), 4)
    assert series.shape == (3, 20, 3, 4)
    assert torch.equal(series.flatten(2)[:, :, :10], x())
    assert (series[:, :, 2, 2:] == 0).all()


@pytest.mark.parametrize("name", ALL)
def test_an_encoder_has_the_size_that_it_says_and_weights_of_its_seed(name):
    made = encoder(name, output_dim=7)
    assert made(x()).shape == (3, 20, made.output_dim) == (3, 20, 7)
    assert torch.equal(made(x()), encoder(name, output_dim=7)(x()))


@pytest.mark.parametrize("name", ALL)
def test_a_row_is_encoded_alike_alone_and_categories_do_not_mix(name):
    made, rows = encoder(name), x()
    torch.testing.assert_close(made(rows[:, 4:5]), made(rows)[:, 4:5], atol=1e-6, rtol=1e-5)
    other = rows.clone()
    other[1] += 1.0
    moved = (made(other) - made(rows)).abs().amax(dim=(1, 2)) > 1e-4
    assert moved.tolist() == [False, True, False]


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_order_of_steps_matters_and_every_step_is_seen(name):
    made, rows = encoder(name, columns=8), x(columns=8)
    backwards = as_series(rows, 4).flip(3).flatten(2)
    assert not torch.allclose(made(rows), made(backwards), atol=1e-3)
    (slope,) = torch.autograd.grad(made(rows.requires_grad_()).square().sum(), rows)
    assert (slope.abs().sum(dim=(0, 1)) > 0).all()


@pytest.mark.parametrize("name", ALL)
def test_every_weight_acts_and_has_a_gradient(name):
    made = encoder(name)
    plain, weights = made(x()), dict(made.named_parameters())
    for key, weight in weights.items():
        assert not torch.equal(functional_call(made, {**weights, key: weight + 0.5}, (x(),)), plain), key
    plain.square().sum().backward()
    assert all(weight.grad is not None for weight in weights.values())


@pytest.mark.parametrize("name", ALL)
def test_a_configuration_is_checked_without_making_the_network(name):
    assert EncoderSpec(encoder=name, encoder_params=SMALL[name]).encoder == name
    with pytest.raises(ConfigError, match="has no parameter 'size'"):
        EncoderSpec(encoder=name, encoder_params={"size": 3})
    with pytest.raises(ConfigError, match="`output_dim` must be greater than 0; got 0"):
        EncoderSpec(encoder=name, encoder_params={"output_dim": 0})


@pytest.mark.parametrize("name", ALL)
def test_a_tokenizer_is_trained_with_it_and_reads_back(name, tmp_path):
    values = torch.randn(80, 3, generator=generator(2)) @ torch.randn(3, 12, generator=generator(3))
    made = Tokenizer(
        [(4, 8), (4, 4)],
        backend="vqvae",
        encoder=name,
        encoder_params=SMALL[name],
        num_epochs=60,
        learning_rate=5e-3,
        input_noise=0.0,
        mixing_reach=0.0,
        group_embedding_dim=12,
        group_hidden_dim=6,
        num_centers=10,
        refit=False,
    ).fit(values.numpy())
    losses = [value for _, value in made.record_.curves["reconstruction"]]
    assert losses[-1] < losses[0]
    made.save_pretrained(tmp_path / "saved")
    again = Tokenizer.from_pretrained(tmp_path / "saved")
    assert torch.equal(again.encode(values.numpy()).codes, made.encode(values.numpy()).codes)
