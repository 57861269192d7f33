"""How a command ends that is asked to, as its shell sees it."""

import os
import signal
import subprocess
import sys
import time

import pytest

SPINLOCK = (sys.executable, "-m", "spinlock")
GENERATE = """num_samples: 64
num_timesteps: 16
num_realizations: 1
grid_size: 32
systems: [diffusion]
storage: {workers: 2, shard_size: 2}
"""


def members(group: int) -> set[int]:
    """Processes of a group that have not ended."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(name)}/stat") as file:
                state, _, their_group = file.read().rpartition(")")[2].split()[:3]
        except (ValueError, OSError):
            continue
        if int(their_group) == group and state != "Z":
            found.add(int(name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGINT,) * 3, 130), ((signal.SIGTERM, signal.SIGTERM), 143)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_signals_in_a_row_end_a_run_with_its_sentence_and_leave_nobody(tmp_path, signals, code):
    (tmp_path / "g.yaml").write_text(GENERATE)
    target = tmp_path / "x.h5"
    line = (*SPINLOCK, "generate", "--config", str(tmp_path / "g.yaml"), "--output", str(target))
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
    while process.poll() is None and not list(tmp_path.glob("x.h5.shards/shard-*.json")):
        time.sleep(0.02)
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.3)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"What is complete is kept; to go on: spinlock generate --config {tmp_path}" in said
    assert "Traceback" not in said
    assert "leaked" not in said
    deadline = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not members(process.pid)
    assert list(tmp_path.glob("x.h5.shards/shard-*.json"))
    assert not (tmp_path / ".x.h5.lock").exists()


def test_a_command_whose_reader_went_away_ends_like_any_other_tool():
    process = subprocess.Popen((*SPINLOCK, "config", "schema", "train"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (141, b"")


def test_a_command_without_streams_does_its_work(tmp_path):
    target = tmp_path / "x.yaml"
    line = f"exec {sys.executable} -m spinlock config init train --output {target} <&- >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", line], check=False).returncode == 0  # noqa: S603
    assert "num_epochs" in target.read_text()
