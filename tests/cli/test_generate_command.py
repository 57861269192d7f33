"""Data sets in parts from the command line, said before they start, put together, looked at."""

import json
from pathlib import Path

from spinlock.cli.app import run

TINY = str(Path(__file__).parents[2] / "configs/generate/tiny.yaml")
SMALL = ["num_samples=4", "num_timesteps=8", "grid_size=8", "systems=[advection_diffusion]", "storage.workers=1"]


def words(*arguments):
    overrides = [word for override in SMALL for word in ("-o", override)]
    return ["generate", "--config", TINY, *overrides, *map(str, arguments)]


def test_parts_are_made_merged_and_shown(tmp_path, capsys):
    for number in (2, 1):
        assert run(words("--shard", f"{number}/2", "--output", tmp_path / f"{number}.h5", "--json")) == 0
        told = capsys.readouterr()
        assert "generate: 1 worker, at most" in told.err
        made = json.loads(told.out)
        assert (made["samples"], made["out_of"]) == (2, 4)
    folders = [str(tmp_path / f"{number}.h5.shards") for number in (1, 2)]
    assert run(["merge", *folders, "--output", str(tmp_path / "all.h5"), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["screening"]
    assert counts["realizations"] == 8
    assert (
        run(["report", "--dataset", str(tmp_path / "all.h5"), "--output", str(tmp_path / "page.html"), "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["rollouts_shown"] == 2


def test_what_cannot_be_done_is_said_in_one_sentence_and_leaves_nothing(tmp_path, capsys):
    for arguments, code, sentence in (
        (["--shard", "3/2"], 2, "a shard is i/n with i from 1 to n; got 3/2."),
        (["--shard", "one"], 2, "a shard is i/n, for example 1/4; got 'one'."),
        (["--device", "tpu"], 3, "device: must be one of 'cpu' or 'cuda'"),
        (["-o", "screening.redraw=[bored]"], 3, "screening.redraw.0: must be one of 'diverged', 'dead' or 'frozen'"),
        (["-o", "grid_size=4096", "-o", "num_timesteps=100000"], 5, "use a smaller grid, fewer saved states"),
    ):
        assert run(words("--output", tmp_path / "x.h5", *arguments)) == code
        said = capsys.readouterr().err
        assert sentence in said, said
        assert list(tmp_path.iterdir()) == []
