"""Fitting and encoding on a GPU; without one these tests skip themselves."""

import pytest
import torch
from training_samples import QUICK, quick_fit, sample_table

from spinlock.core.errors import ConfigError
from spinlock.training.estimator import Tokenizer

HAS_CUDA = torch.cuda.is_available()
needs_cuda = pytest.mark.skipif(not HAS_CUDA, reason="needs a CUDA device")


@needs_cuda
@pytest.mark.parametrize("backend", ["classical", "predictive", "vqvae"])
def test_a_fit_on_the_gpu_is_as_good_as_one_on_the_cpu_and_comes_back_to_it(backend):
    here, there = (quick_fit(backend=backend, refit=True, device=device) for device in ("cpu", "cuda"))
    one, two = (result.comparison[0].validation_mse for result in (here, there))
    assert two == pytest.approx(one, rel=0.1)
    assert all(tensor.device.type == "cpu" for tensor in there.tokenizer.state_dict().values())


@needs_cuda
@pytest.mark.parametrize("backend", ["classical", "predictive", "vqvae"])
def test_a_tokenizer_on_the_gpu_gives_the_tokens_and_the_columns_that_it_gives_on_the_cpu(backend):
    one = Tokenizer(levels=[(5, 8), (2, 4)], backend=backend, **QUICK).fit(sample_table())
    table = sample_table(rows=500, seed=3)
    here = one.encode(table)
    there = one.to("cuda").encode(table)
    assert there.codes.device.type == "cpu"
    assert float((there.codes == here.codes).float().mean()) > 0.999
    assert torch.allclose(one.decode(here).values, one.to("cpu").decode(here).values, atol=1e-4)


@pytest.mark.skipif(HAS_CUDA, reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="device: 'cuda' is not there"):
        quick_fit(backend="classical", device="cuda")
