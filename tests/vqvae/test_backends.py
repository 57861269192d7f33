import itertools

import pytest
import torch
from tokenizer_samples import packing, standard_rows

from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.vqvae.classical import ClassicalBackend, ResidualFit
from spinlock.vqvae.joint_regression import moments_of, ridge
from spinlock.vqvae.learned import LearnedBackend, build_model

SIZES = (8, 4, 4)


def everywhere(rows):
    return torch.ones_like(rows, dtype=torch.bool)


@pytest.fixture(scope="module")
def classical():
    rows = standard_rows()
    return ClassicalBackend.fit(rows, everywhere(rows), packing=packing(), num_tokens=SIZES, seed=0)


@pytest.fixture(scope="module")
def learned():
    """A model with random weights everywhere: nothing may depend on a start."""
    config = TokenizerConfig(
        levels=tuple(Level(latent_dim=4, num_tokens=size) for size in SIZES), group_embedding_dim=6, group_hidden_dim=7
    )
    model = build_model(config, packing=packing(), seed=0)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in [*model.parameters(), *(quantizer.codewords for quantizer in model.level_quantizers)]:
            tensor.copy_(torch.randn(tensor.shape, generator=draw) / 3)
    return LearnedBackend.of(model, config=config, packing=packing(), beam=4)


@pytest.fixture(params=["classical", "learned"])
def backend(request):
    return request.getfixturevalue(request.param)


def test_codes_are_the_same_alone_and_among_others(backend):
    rows = standard_rows(seed=3, rows=300)
    together = backend.encode(rows, everywhere(rows))
    alone = torch.cat([backend.encode(row[None], everywhere(row[None])) for row in rows[:60]])
    assert torch.equal(together[:60], alone)
    assert torch.equal(backend.encode(rows[11:200], everywhere(rows[11:200])), together[11:200])


def test_an_absent_category_gets_minus_1_and_the_others_keep_their_codes(backend):
    rows = standard_rows(seed=3)
    mask = everywhere(rows)
    whole = backend.encode(rows, mask)
    mask[:50, 4:10] = False
    codes = backend.encode(torch.where(mask, rows, 0.0), mask)
    assert (codes[:50, 1] == -1).all()
    assert torch.equal(codes[50:], whole[50:])
    assert torch.equal(codes[:, [0, 2]], whole[:, [0, 2]])


def test_an_absent_category_decodes_to_nan_there_alone(backend):
    codes = backend.encode(standard_rows(), everywhere(standard_rows()))
    codes[0, 1] = -1
    decoded = backend.decode(codes)
    assert torch.isnan(decoded[0]).tolist() == [False] * 4 + [True] * 6 + [False] * 5
    assert torch.isfinite(decoded[1:]).all()


def test_a_prefix_decodes_without_the_deeper_codes(backend):
    codes = backend.encode(standard_rows(), everywhere(standard_rows()))
    other = codes.clone()
    other[:, :, 2] = 0
    torch.testing.assert_close(backend.decode(codes, num_levels=2), backend.decode(other, num_levels=2))
    torch.testing.assert_close(backend.decode(codes, num_levels=3), backend.decode(codes))


def test_settings_and_tensors_bring_the_backend_back(backend):
    again = type(backend).from_tensors(backend.tensors(), backend.settings(), packing=packing())
    rows = standard_rows(seed=4)
    codes = backend.encode(rows, everywhere(rows))
    assert torch.equal(again.encode(rows, everywhere(rows)), codes)
    assert torch.equal(again.decode(codes), backend.decode(codes))
    assert torch.equal(again.embed(codes), backend.embed(codes))
    assert again.codebook_sizes.tolist() == [list(SIZES)] * 3


def test_each_level_of_the_classical_backend_lowers_the_held_out_error(classical):
    rows = standard_rows(seed=7)
    codes = classical.encode(rows, everywhere(rows))
    errors = [float((classical.decode(codes, num_levels=level) - rows).square().mean()) for level in (1, 2, 3)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < float(rows.square().mean())


def test_decoded_rows_have_the_codes_they_were_decoded_from(classical):
    rows = standard_rows(seed=7)
    codes = classical.encode(rows, everywhere(rows))
    decoded = classical.decode(codes)
    assert torch.equal(classical.encode(decoded, everywhere(decoded)), codes)


@pytest.mark.parametrize("rows", [2, 5, 20])
def test_codebooks_larger_than_the_training_set_reproduce_it(rows):
    x = standard_rows()[:rows]
    how = ResidualFit(num_neighbors=0)
    backend = ClassicalBackend.fit(x, everywhere(x), packing=packing(), num_tokens=(32, 64), seed=0, how=how)
    codes = backend.encode(x, everywhere(x))
    torch.testing.assert_close(backend.decode(codes), x, atol=1e-3, rtol=1e-3)


def held_out_error(backend):
    fresh = standard_rows(rows=400, seed=8)
    return float((backend.decode(backend.encode(fresh, everywhere(fresh))) - fresh).square().mean())


def test_mixing_with_neighbors_helps_rows_that_were_not_seen():
    x = standard_rows(rows=60)
    plain, mixed = (
        ClassicalBackend.fit(
            x, everywhere(x), packing=packing(), num_tokens=(32, 64), seed=0, how=ResidualFit(num_neighbors=neighbors)
        )
        for neighbors in (0, 15)
    )
    assert held_out_error(mixed) < 0.95 * held_out_error(plain)


def test_fitting_all_levels_together_helps_rows_that_were_not_seen():
    x = standard_rows()
    first = ClassicalBackend.fit(x, everywhere(x), packing=packing(), num_tokens=(4, 4, 4), seed=0)
    assert held_out_error(first.refit(x, everywhere(x), seed=1)) < held_out_error(first)


def test_rows_without_a_category_do_not_move_its_codebooks():
    x = standard_rows()
    mask = everywhere(x)
    mask[60:, 4:10] = False
    wild = torch.where(mask, x, 1e3)
    one, two = (
        ClassicalBackend.fit(rows, mask, packing=packing(), num_tokens=SIZES, seed=0)
        for rows in (torch.where(mask, x, 0.0), wild)
    )
    for first, second in zip(one.codebooks, two.codebooks, strict=True):
        assert second.codewords[1].abs().max() < 10
        assert torch.equal(first.codewords[[0, 2]], second.codewords[[0, 2]])


def test_the_same_seed_gives_the_same_codebooks_and_another_seed_others():
    x = standard_rows()
    fits = [ClassicalBackend.fit(x, everywhere(x), packing=packing(), num_tokens=SIZES, seed=s) for s in (0, 0, 1)]
    first, again, other = (fit.tensors() for fit in fits)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["codewords.0"], other["codewords.0"])


def test_ridge_is_the_closed_form():
    draw = torch.Generator().manual_seed(0)
    embedding, errors = torch.randn(2, 50, 3, generator=draw), torch.randn(2, 50, 4, generator=draw)
    weights = ridge(moments_of(embedding, errors, torch.ones_like(errors, dtype=torch.bool)), strength=0.3)
    a = embedding.transpose(0, 1).flatten(1).double()
    b = errors.transpose(0, 1).flatten(1).double()
    stacked = torch.cat([a, (0.3 * 50) ** 0.5 * torch.eye(6)])
    expected = torch.linalg.lstsq(stacked, torch.cat([b, torch.zeros(6, 8)])).solution
    torch.testing.assert_close(weights.double(), expected, atol=1e-5, rtol=1e-5)


def test_ridge_with_dropout_is_the_regression_on_all_ways_of_being_absent():
    """Every subset of the other categories, weighted by its chance, as rows of one least-squares problem."""
    draw = torch.Generator().manual_seed(1)
    e, errors = torch.randn(3, 40, 2, generator=draw).double(), torch.randn(3, 40, 4, generator=draw).double()
    dropout, strength = 0.3, 0.2
    moments = moments_of(e, errors, torch.ones_like(errors, dtype=torch.bool))
    found = ridge(moments, strength=strength, num_categories=3, dropout=dropout).double()
    flat = e.transpose(0, 1).flatten(1)
    for category in range(3):
        stacked, wanted = [(strength * 40) ** 0.5 * torch.eye(6).double()], [torch.zeros(6, 4).double()]
        others = [c for c in range(3) if c != category]
        for kept in itertools.product([0.0, 1.0], repeat=2):
            chance = torch.tensor([1 - dropout if k else dropout for k in kept]).prod().sqrt().double()
            mask = torch.ones(6).double()
            for other, keep in zip(others, kept, strict=True):
                mask[2 * other : 2 * other + 2] = keep
            stacked.append(chance * flat * mask)
            wanted.append(chance * errors[category])
        expected = torch.linalg.lstsq(torch.cat(stacked), torch.cat(wanted)).solution
        torch.testing.assert_close(found[:, 4 * category : 4 * category + 4], expected, atol=1e-5, rtol=1e-4)
