import pytest
import torch

from spinlock.core.errors import ConfigError
from spinlock.vqvae.encoders import ENCODERS, GIVEN_LATER
from spinlock.vqvae.grouped_features import GroupedFeatureExtractor, principal_axes
from spinlock.vqvae.layers import CategoricalBatchNorm, CategoricalLinear, use_generator


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def x(rows=32):
    return torch.randn(3, rows, 5, generator=generator(1))


def encoder(**parameters):
    return ENCODERS.build("MLPEncoder", num_categories=3, input_dim=5, generator=generator(), **parameters)


def output(**parameters):
    module = encoder(**parameters)
    use_generator(module, generator(2))
    return module.train()(x())


def test_a_categorical_linear_layer_is_one_linear_layer_a_category():
    layer = CategoricalLinear(num_categories=3, input_dim=5, output_dim=4, generator=generator())
    expected = torch.stack([x()[c] @ layer.weight[c] + layer.bias[c] for c in range(3)])
    torch.testing.assert_close(layer(x()), expected)


def test_categorical_batch_norm_is_torchs():
    ours = CategoricalBatchNorm(num_categories=3, num_units=5)
    theirs = [torch.nn.BatchNorm1d(5) for _ in range(3)]
    for _ in range(3):
        expected = torch.stack([norm(rows) for norm, rows in zip(theirs, x(), strict=True)])
        torch.testing.assert_close(ours(x()), expected, rtol=1e-4, atol=1e-5)
    expected = torch.stack([norm.eval()(rows) for norm, rows in zip(theirs, x(), strict=True)])
    torch.testing.assert_close(ours.eval()(x()), expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_categorical_batch_norm_is_its_slope():
    module = CategoricalBatchNorm(num_categories=3, num_units=2).double()
    torch.nn.init.normal_(module.weight, generator=generator())
    parameters = dict(module.named_parameters())

    def output(rows, *values):
        return torch.func.functional_call(module, dict(zip(parameters, values, strict=True)), (rows,))

    assert torch.autograd.gradcheck(output, (x()[:, :4, :2].double().requires_grad_(), *parameters.values()))


@pytest.mark.parametrize(
    "change",
    [{"hidden_dims": [8]}, {"output_dim": 9}, {"dropout": 0.5}, {"activation": "tanh"}, {"batch_norm": False}],
)
def test_every_parameter_of_the_encoder_acts(change):
    plain, changed = output(), output(**change)
    assert plain.shape != changed.shape or not torch.equal(plain, changed)


def test_dropout_drops_the_share_it_says_and_keeps_the_mean():
    module = encoder(hidden_dims=[4000], dropout=0.25, batch_norm=False, activation="elu").layers[2]
    use_generator(module, generator())
    dropped = module.train()(torch.ones(1, 20, 4000))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.02)
    assert (module.eval()(torch.ones(1, 20, 4000)) == 1).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "rely"}, "unknown activation 'rely'. Did you mean 'relu'"),
        ({"dropout": 1.0}, "`dropout` must be at least 0 and below 1; got 1.0"),
        ({"hidden_dims": [8, 0]}, "must be greater than 0"),
        ({"hidden_dim": [8]}, "has no parameter 'hidden_dim'. Did you mean 'hidden_dims'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters, message):
    with pytest.raises(ConfigError, match=message):
        encoder(**parameters)


def test_a_configuration_may_not_give_what_the_model_gives():
    with pytest.raises(ConfigError, match="no parameter 'input_dim'"):
        ENCODERS.check_parameters("MLPEncoder", {"input_dim": 3}, given_later=GIVEN_LATER)


def test_principal_axes_are_orthonormal_and_sorted():
    axes = principal_axes(x(), num_axes=4)
    torch.testing.assert_close(axes.mT @ axes, torch.eye(4).expand(3, -1, -1), atol=1e-5, rtol=0)
    energy = (x() @ axes).square().mean(dim=1)
    assert (energy.diff(dim=1) <= 1e-6).all()


def test_axes_beyond_the_width_are_zero():
    axes = principal_axes(x(), num_axes=7)
    assert (axes[:, :, 5:] == 0).all()
    torch.testing.assert_close(x() @ axes @ axes.mT, x(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", list(ENCODERS))
def test_before_training_the_embedding_is_the_data_in_its_principal_axes(name):
    extractor = GroupedFeatureExtractor(
        num_categories=3,
        width=5,
        encoder=name,
        encoder_params={},
        group_hidden_dim=6,
        group_embedding_dim=5,
        generator=generator(),
    )
    axes = principal_axes(x(), num_axes=5)
    extractor.start_at(axes)
    torch.testing.assert_close(extractor(x()), x() @ axes)


def test_a_categorys_embedding_depends_on_its_columns_alone():
    extractor = GroupedFeatureExtractor(
        num_categories=3,
        width=5,
        encoder="MLPEncoder",
        encoder_params={},
        group_hidden_dim=6,
        group_embedding_dim=5,
        generator=generator(),
    ).eval()
    torch.nn.init.normal_(extractor.out.weight, generator=generator())
    other = x()
    other[0] = 9.0
    before, after = extractor(x()), extractor(other)
    assert torch.equal(before[1:], after[1:])
    assert not torch.equal(before[0], after[0])
