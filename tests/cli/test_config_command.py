"""`config` and `doctor`, which need no data."""

import json

import pytest
import yaml

from spinlock.cli import main
from spinlock.cli.app import COMMANDS, root


def test_a_first_file_can_be_shown_and_is_complete(tmp_path, capsys):
    for kind in ("generate", "train"):
        path = tmp_path / "folder" / f"{kind}.yaml"
        assert main(["config", "init", kind, "--output", str(path)]) == 0
        assert capsys.readouterr().out == f"configuration  {path}\n"
        assert main(["config", "show", str(path)]) == 0
        shown = yaml.safe_load(capsys.readouterr().out)
        assert set(shown) == set(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_show_applies_overrides_and_prints_json(tmp_path, capsys):
    main(["config", "init", "train", "--output", str(tmp_path / "x.yaml")])
    capsys.readouterr()
    assert main(["config", "show", str(tmp_path / "x.yaml"), "-o", "training.seed=9", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["seed"] == 9


@pytest.mark.parametrize("kind", ["generate", "train"])
def test_the_schema_is_json(capsys, kind):
    assert main(["config", "schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_the_doctor_finds_this_installation_sound(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is True
    assert {"python", "torch", "cores", "free disk here"} <= {check["check"] for check in found["checks"]}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_is_described_in_one_sentence(name):
    context = root.make_context("spinlock", [name, "--help"], resilient_parsing=True)
    command = root.get_command(context, name)
    assert command is not None
    assert command.name == name
    sentence = COMMANDS[name][1]
    assert sentence.endswith(".")
    assert sentence.split()[0] == (command.help or "").split()[0]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "config"])
def test_every_command_prints_json_on_request(name):
    command = root.get_command(root.make_context("spinlock", [], resilient_parsing=True), name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--quiet", "--verbose", "--debug"} <= options
