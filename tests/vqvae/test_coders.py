"""What holds for every coder: residual codebooks, a trained model, and joint decoding on top of either."""

import copy
import json

import pytest
import torch
from tokenizer_samples import (
    HEAT,
    batch_of,
    behaviour_coder,
    classical_coder,
    columns,
    everywhere,
    joint_coder,
    learned_coder,
    standard_rows,
    word_coder,
)

from spinlock.vqvae.packing import Batch

SIZES = (8, 4, 4)
CODERS = {
    "classical": lambda: classical_coder(SIZES),
    "learned": lambda: learned_coder(SIZES),
    "joint on classical": lambda: joint_coder(classical_coder(SIZES)),
    "joint on learned": lambda: joint_coder(learned_coder(SIZES)),
    "behaviour": lambda: behaviour_coder(SIZES),
    "joint on behaviour": lambda: joint_coder(behaviour_coder(SIZES)),
    "words": lambda: word_coder(SIZES),
    "words by columns": lambda: word_coder(SIZES, by_columns=True),
    "joint on words": lambda: joint_coder(word_coder(SIZES)),
}
SETTLED = [name for name in CODERS if "learned" not in name]


@pytest.fixture(scope="module", params=CODERS)
def coder(request):
    return CODERS[request.param]()


@pytest.fixture(scope="module", params=SETTLED)
def settled(request):
    return CODERS[request.param]()


def with_gaps(rows):
    """True but for the second category of every fifth row."""
    mask = everywhere(rows)
    mask[::5, HEAT] = False
    return mask


def assert_same_bits(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_a_row_has_the_same_codes_and_decodes_to_the_same_bits_alone_among_others_and_in_another_order(coder):
    rows = standard_rows(seed=3, rows=300)
    batch = batch_of(rows, with_gaps(rows))
    codes = coder.encode(batch)
    decoded = coder.decode(codes)
    for part in (*torch.arange(30).split(1), torch.arange(11, 200), torch.arange(299, -1, -7)):
        some = coder.encode(Batch(batch.values[part], batch.mask[part]))
        assert torch.equal(some, codes[part])
        assert_same_bits(coder.decode(some), decoded[part])


def test_a_categorys_codes_depend_on_its_own_values_alone(coder):
    rows = standard_rows(seed=3)
    codes = coder.encode(batch_of(rows))
    other = standard_rows(seed=6)
    other[:, HEAT] = rows[:, HEAT]
    found = coder.encode(batch_of(other))
    assert torch.equal(found[:, 1], codes[:, 1])
    assert not torch.equal(found, codes)


def test_an_absent_category_gets_minus_1_and_the_others_keep_their_codes(coder):
    rows = standard_rows(seed=3)
    mask = with_gaps(rows)
    codes, whole = coder.encode(batch_of(rows, mask)), coder.encode(batch_of(rows))
    assert (codes[::5, 1] == -1).all()
    lacks = ~mask[:, HEAT.start]
    assert torch.equal(codes[~lacks], whole[~lacks])
    assert torch.equal(codes[:, [0, 2]], whole[:, [0, 2]])


def test_an_absent_category_decodes_to_nan_there_alone_and_embeds_to_0(coder):
    codes = coder.encode(batch_of(standard_rows()))
    codes[0, 1] = -1
    decoded = columns(coder.decode(codes))
    assert torch.isnan(decoded[0]).tolist() == [False] * 4 + [True] * 6 + [False] * 5
    assert torch.isfinite(decoded[1:]).all()
    embedded = coder.embed(codes)
    assert (embedded[0, 1] == 0).all()
    assert (embedded[1:] != 0).any(dim=2).all()


def test_a_row_without_any_value_decodes_to_nothing(coder):
    rows = standard_rows(rows=3)
    mask = everywhere(rows)
    mask[1] = False
    codes = coder.encode(batch_of(rows, mask))
    assert (codes[1] == -1).all()
    assert torch.isnan(columns(coder.decode(codes))).all(dim=1).tolist() == [False, True, False]


def test_a_prefix_decodes_without_the_deeper_codes(coder):
    codes = coder.encode(batch_of(standard_rows()))
    other = codes.clone()
    other[:, :, 2] = 0
    assert torch.equal(coder.decode(codes, num_levels=2), coder.decode(other, num_levels=2))
    assert torch.equal(coder.decode(codes, num_levels=3), coder.decode(codes))


def test_state_and_settings_bring_the_coder_back(coder):
    settings = json.loads(json.dumps(coder.settings()))
    again = type(coder).restored(copy.deepcopy(coder.state_dict()), settings)
    batch = batch_of(standard_rows(seed=4))
    codes = coder.encode(batch)
    assert torch.equal(again.encode(batch), codes)
    for level in (1, 2, 3):
        assert torch.equal(again.decode(codes, num_levels=level), coder.decode(codes, num_levels=level))
    assert torch.equal(again.embed(codes), coder.embed(codes))
    assert again.settings() == coder.settings()
    assert again.name == coder.name


def test_codes_stay_below_the_sizes_of_their_codebooks(coder):
    codes = coder.encode(batch_of(10 * standard_rows(seed=4)))
    assert coder.codebook_sizes.tolist() == [list(SIZES)] * 3
    assert (codes < coder.codebook_sizes).all()
    assert (codes >= 0).all()


def test_a_coder_in_double_precision_has_the_same_codes(coder):
    double, batch = copy.deepcopy(coder).double(), batch_of(standard_rows(seed=4))
    codes = double.encode(batch)
    assert torch.equal(codes, coder.encode(batch))
    torch.testing.assert_close(double.decode(codes).float(), coder.decode(codes), atol=1e-5, rtol=1e-5)


def test_decoded_rows_have_the_codes_they_were_decoded_from(settled):
    codes = settled.encode(batch_of(standard_rows(seed=7, rows=500)))
    decoded = columns(settled.decode(codes))
    assert torch.equal(settled.encode(batch_of(decoded)), codes)


def test_what_a_word_says_is_undefined_is_decoded_so_and_read_again_as_the_same_codes():
    for coder in (word_coder(SIZES), word_coder(SIZES, by_columns=True), joint_coder(word_coder(SIZES))):
        rows = standard_rows(seed=7, rows=300)
        mask = everywhere(rows)
        mask[::2, [1, 5, 11]] = False
        codes = coder.encode(batch_of(rows, mask))
        decoded = columns(coder.decode(codes))
        says = torch.isnan(decoded)
        assert says[::2].any()
        assert not says[1::2].any()
        assert (says <= ~mask).all()
        again = coder.encode(batch_of(torch.nan_to_num(decoded), ~says))
        assert torch.equal(again, codes)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_coder_on_a_gpu_has_the_codes_that_it_has_on_the_cpu(coder):
    rows = standard_rows(seed=4, rows=300)
    batch = batch_of(rows, with_gaps(rows))
    codes = coder.encode(batch)
    moved = copy.deepcopy(coder).to("cuda")
    found = moved.encode(Batch(*(part.to("cuda") for part in batch)))
    assert found.is_cuda
    assert torch.equal(found.cpu(), codes)
    decoded = moved.decode(found)
    assert decoded.is_cuda
    torch.testing.assert_close(decoded.cpu(), coder.decode(codes), atol=1e-5, rtol=1e-5, equal_nan=True)
