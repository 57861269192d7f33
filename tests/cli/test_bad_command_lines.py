"""A wrong command line, configuration or file gives one clear sentence and its exit code, and never a traceback."""

import pytest

from spinlock.cli import main

GENERATE = """\
num_samples: 8
num_timesteps: 12
num_realizations: 2
grid_size: 16
output_path: data.h5
systems: [gray_scott]
"""
TRAIN = """\
dataset_path: data.h5
families:
  summary: {encoder: MLPEncoder}
model:
  levels:
    - {latent_dim: 4, num_tokens: 8}
"""

COMMAND_LINES = [
    # arguments: 2
    ("generat", "unknown command 'generat'. Did you mean 'generate'?", 2),
    ("train", "unknown command 'train'. Did you mean 'train-vqvae'?", 2),
    ("xyz", "unknown command 'xyz'. Known: generate, pairs, merge, extract-features, discover-categories", 2),
    ("--hepl", "no such option", 2),
    ("generate", "missing option '--config'", 2),
    ("generate --confg g.yaml", "'--config'", 2),
    ("generate --config g.yaml --seed x", "invalid value for '--seed': 'x' is not a valid integer", 2),
    ("generate --config g.yaml stray", "unexpected extra argument (stray)", 2),
    ("-q generate --config g.yaml -v", "--quiet contradicts --verbose; give one of them.", 2),
    ("train-vqvae --verbose", "train-vqvae needs --dataset, the data-set file, or --config", 2),
    ("validate", "missing option '--dataset'", 2),
    ("validate --dataset g.yaml --split test", "--split needs --tokenizer: a data set alone is checked as a whole.", 2),
    ("validate --dataset g.yaml --tokenizer . --split tset", "'tset' is not one of 'test', 'validation'", 2),
    ("tokenize --tokenizer . --dataset g.yaml --output t.txt", "--output must end in one of .h5, .hdf5, .csv", 2),
    ("tokenize --tokenizer . --dataset g.yaml", "missing option '--output'", 2),
    ("discover-categories --dataset g.yaml --output c.json --method magic", "'magic' is not one of", 2),
    (
        "discover-categories --dataset g.yaml --output c.json --max-clusters 4",
        "the method 'semantic' takes none of max_clusters, min_features_per_category, orthogonality_target; remove them",
        2,
    ),
    (
        "extract-features --input g.yaml --format wel --output f.h5",
        "`format` must be one of auto, array, well, pdebench, spinlock or an installed importer; got 'wel'",
        2,
    ),
    ("config shwo g.yaml", "no such command 'shwo'", 2),
    ("config schema validate", "'validate' is not one of 'generate', 'train'", 2),
    ("config init train --output g.yaml", "g.yaml exists; choose another --output or remove it.", 2),
    ("info", "missing argument 'FILE'", 2),
    ("demo", "missing option '--output'", 2),
    # configurations: 3
    ("generate --config none.yaml", "none.yaml: no such file.", 3),
    ("generate --config .", ".: is a folder; a configuration is a YAML file.", 3),
    ("generate --config broken.yaml", "broken.yaml:1:4: is not YAML", 3),
    ("generate --config tagged.yaml", "tagged.yaml:1:4: tags (!x) are not allowed; write the plain value", 3),
    ("generate --config t.yaml", "t.yaml:1:1: num_samples: is required", 3),
    (
        "generate --config g.yaml -o num_sample=3",
        "-o num_sample=3: num_sample: unknown key (did you mean 'num_samples')",
        3,
    ),
    ("generate --config g.yaml --seed -1", "--seed -1: seed: must be at least 0 [got -1]", 3),
    ("generate --config g.yaml --workers many", "--workers many: storage.workers: must be auto or a whole number", 3),
    ("generate --config g.yaml --keep-states float1", "must be one of 'none', 'float32' or 'float16'", 3),
    ("generate --config g.yaml -o systems=[heat]", "systems.heat: unknown system 'heat'. Known:", 3),
    ("train-vqvae --config g.yaml", "g.yaml:1:1: dataset_path: is required", 3),
    ("train-vqvae --config t.yaml -o families.summary.encoder=MLP", "unknown encoder 'MLP'", 3),
    ("train-vqvae --config t.yaml -o model.levels=[]", "model.levels: needs at least 1", 3),
    (
        "train-vqvae --config t.yaml -o training.category_assignment=auto -o training.category_mapping_file=a.json",
        "training.category_mapping_file: contradicts category_assignment: auto; remove one of the two",
        3,
    ),
    ("config show t.yaml -o training.seed", "-o training.seed: an override is key=value", 3),
    # files: 4
    ("validate --dataset none.h5", "none.h5: no such file.", 4),
    ("validate --dataset dta.h5", "dta.h5: no such file. Did you mean 'data.h5'?", 4),
    ("info no/such.h5", "no/such.h5: no such file; there is no folder no either.", 4),
    ("report --tokenizer nowhere --dataset g.yaml --output r.html", "nowhere: no such file.", 4),
    ("train-vqvae --config t.yaml --dataset none.h5", "none.h5: no such file.", 4),
    ("extract-features --input none.npy --output f.h5", "none.npy: no such file.", 4),
]


@pytest.fixture(name="folder")
def working_folder(tmp_path, monkeypatch):
    """A working folder with a right file of each kind, and two wrong ones."""
    for name, text in {
        "g.yaml": GENERATE,
        "t.yaml": TRAIN,
        "broken.yaml": "a: ]\n",
        "tagged.yaml": "a: !x 1\n",
        "data.h5": "not HDF5",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("line", "words", "code"), COMMAND_LINES, ids=[line for line, *_ in COMMAND_LINES])
def test_a_wrong_command_line_gives_a_sentence_and_an_exit_code(folder, capsys, line, words, code):
    files = sorted(folder.iterdir())
    found = main(line.split())
    out, err = capsys.readouterr()
    assert words in err
    assert found == code
    assert out == ""
    assert all(text.startswith("spinlock: ") for text in err.splitlines())
    assert "Traceback" not in err
    assert sorted(folder.iterdir()) == files


@pytest.mark.usefixtures("folder")
def test_all_mistakes_of_a_configuration_are_printed_one_a_line(capsys):
    assert main(["generate", "--config", "t.yaml", "-o", "grid_size=17"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    assert lines[-1] == "spinlock: -o grid_size=17: grid_size: must be a multiple of 2 [got 17]"


@pytest.mark.usefixtures("folder")
def test_a_traceback_is_shown_with_debug_only(capsys):
    assert main(["--debug", "generate", "--config", "none.yaml"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert main(["generate", "--config", "none.yaml", "--debug"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err
