"""The command under torchrun, as a user starts it."""

import json
import os
import subprocess
import sys

from pipeline_runs import ROOT

SETTINGS = ("model.backend=vqvae", "training.num_epochs=4", "training.evaluate_every=2")


def torchrun(dataset, folder, *more):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "spinlock"]
    command += ["train-vqvae", "--config", str(ROOT / "configs/vqvae/tiny.yaml"), "--dataset", str(dataset), "--json"]
    command += [word for setting in SETTINGS for word in ("-o", setting)]
    command += ["--output", str(folder), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_torchrun_trains_one_tokenizer_and_the_first_process_alone_speaks(dataset, tmp_path):
    done = torchrun(dataset, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tokenizer"] == str(tmp_path / "two")
    assert done.stderr.count("train: 4 of 4") == 1
    assert (tmp_path / "two" / "weights.safetensors").is_file()


def test_several_families_are_refused(dataset, tmp_path):
    done = torchrun(dataset, tmp_path / "two", "-o", "families={summary: {}, initial: {}}")
    assert done.returncode == 1
    assert "several processes train one family of columns at a time, and families names summary, initial" in done.stderr
