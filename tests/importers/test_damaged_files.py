"""A small share of `benchmarks/fuzz.py`: damaged files end in contents or in one sentence."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks/fuzz.py"
SPEC = importlib.util.spec_from_file_location("fuzz", PATH)
fuzz = importlib.util.module_from_spec(SPEC)
sys.modules["fuzz"] = fuzz
SPEC.loader.exec_module(fuzz)

QUICK = (
    "category map .json",
    "tokens .csv",
    "tokens .h5",
    "array .npy",
    "arrays .npz",
    "arrays .h5",
    "PDEBench .h5",
    "YAML train",
    "checkpoint, state.json",
    "shards' origin.json",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_damaged_files_are_read_or_refused_in_one_sentence(tmp_path, name):
    kind = fuzz.KINDS[name]
    ending = name[name.rfind(".") :] if " ." in name else ""
    sound = kind.make(tmp_path / f"sound{ending}")
    assert fuzz.answer(kind, sound) == ("ok", "")
    (tmp_path / "mutants").mkdir()
    for path in fuzz.mutants(name, sound, tmp_path / "mutants", seed=1, count=16):
        said, trace = fuzz.answer(kind, path)
        assert said in ("ok", "partly", "refused"), trace
