"""What the neural operators share."""

import pytest
import torch
from scipy.ndimage import correlate

from spinlock.dynamics.neural import convolve

SHAPES = [(1, 8, 5), (8, 8, 3), (8, 1, 5), (16, 1, 3), (16, 16, 7), (4, 1, 9), (48, 16, 3)]


@pytest.mark.parametrize(("num_in", "num_out", "size"), SHAPES)
def test_convolution_on_a_periodic_domain_is_that_of_scipy(num_in, num_out, size):
    u, weight = torch.randn(2, num_in, 16, 20).double(), torch.randn(num_out, num_in, size, size).double()
    expected = [
        sum(correlate(u[row, i].numpy(), weight[o, i].numpy(), mode="wrap") for i in range(num_in))
        for row in range(2)
        for o in range(num_out)
    ]
    expected = torch.stack([torch.from_numpy(field) for field in expected]).view(2, num_out, 16, 20)
    torch.testing.assert_close(convolve(u, weight), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(convolve(u.float(), weight.float()), expected.float(), rtol=1e-4, atol=1e-3)
    assert convolve(u.bfloat16(), weight.bfloat16()).dtype == torch.bfloat16


def test_slopes_pass_through_both_ways_of_convolving():
    u, weight = torch.randn(2, 3, 8, 8).double().requires_grad_(), torch.randn(4, 3, 3, 3).double()
    whole = torch.autograd.grad(convolve(u, weight)[:, :1].square().sum(), u)[0]
    alone = torch.autograd.grad(convolve(u, weight[:1]).square().sum(), u)[0]
    torch.testing.assert_close(alone, whole, rtol=1e-12, atol=1e-12)
