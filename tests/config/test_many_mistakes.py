import os
import time

import pytest

from spinlock.config.generate import GenerateConfig
from spinlock.config.load import load_config
from spinlock.core.errors import ConfigError

MANY = {
    "unknown keys": "\n".join(f"num_sample_{number}: 1" for number in range(45_000)),
    "unknown systems": f"systems: [{','.join(f'difusion{number}' for number in range(60_000))}]",
    "double keys": "num_samples: 1\n" * 60_000,
    "own steps": "systems: {" + ", ".join(f"x{number}: {{step: 'm:f'}}" for number in range(20_000)) + "}",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MANY)
def test_a_list_or_mapping_without_end_is_refused_at_once(tmp_path, kind):
    (tmp_path / "x.yaml").write_text(MANY[kind])
    before = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml", GenerateConfig)
    assert time.process_time() - before < 5
    assert "is one entry more than the 1000 that a configuration has in one place" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_twenty_mistakes_are_shown_and_the_rest_is_counted(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "num_samples: 2\nnum_timesteps: 4\nnum_realizations: 1\ngrid_size: 8\noutput_path: x.h5\nsystems: all\n"
        + "".join(f"key{n}: 1\n" for n in range(50))
    )
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml", GenerateConfig)
    lines = str(caught.value).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "and 30 more mistakes; mend these first."
    assert "key0" in lines[0]


def test_half_a_character_is_refused_where_it_stands(tmp_path):
    (tmp_path / "x.yaml").write_text('num_samples: 2\noutput_path: x.h5\nsystems: {"\\ud800": 1}\n')
    with pytest.raises(ConfigError, match=r"x.yaml:3:11: systems.*half of a character") as caught:
        load_config(tmp_path / "x.yaml", GenerateConfig)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)


def test_names_with_line_breaks_do_not_forge_lines(tmp_path):
    (tmp_path / "x.yaml").write_text('num_samples: 1\n"a\\nspinlock: all is well": 1\n')
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml", GenerateConfig)
    assert not any(line.startswith("spinlock:") for line in str(caught.value).split("\n"))


def test_a_pipe_is_no_configuration(tmp_path):
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="is no plain file"):
        load_config(tmp_path / "x.yaml", GenerateConfig)
