"""The law of `spinlock generate`: the same data whole, in parts, by any number of workers, and after any number of kills.

One data set of all systems is made
    whole, by two workers;
    by one worker and by four, in shards of another size;
    in four parts, put together in several orders;
    by a command that is killed with all its workers at random moments and run again, until it was killed so often.
Every one must have the `content_sha256` of the first.

    python benchmarks/kills.py [--kills 20] [--samples 60] [--seed 0] [--json]
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from spinlock.config import GenerateConfig, load_config
from spinlock.pipeline.generate import Part, generate, generate_part
from spinlock.pipeline.merge import merge
from spinlock.store.dataset import open_dataset

CONFIG = Path(__file__).parents[1] / "configs" / "generate" / "tiny.yaml"


def configured(target: Path, samples: int, *overrides: str) -> GenerateConfig:
    return load_config(
        CONFIG, GenerateConfig, overrides=(f"output_path={target}", f"num_samples={samples}", *overrides)
    )


def content_of(path: Path) -> str:
    with open_dataset(path) as dataset:
        return str(dataset.metadata["content_sha256"])


def killed(target: Path, samples: int, *, kills: int, seed: int, seconds: float) -> dict[str, Any]:
    """Make a data set by a command that is killed again and again.

    Args:
        target: the data set.
        samples: in it.
        kills: that are to happen; once it is complete, the file is removed and made again.
        seed: of the moments.
        seconds: that an unbroken run takes.
    """
    moments, done, contents, shards_kept = random.Random(seed), 0, set(), []
    command = [sys.executable, "-m", "spinlock", "-q", "generate", "--config", str(CONFIG), "--output", str(target)]
    command += ["-o", f"num_samples={samples}", "-o", "storage.shard_size=3"]
    while done < kills or not target.exists():
        if target.exists():
            contents.add(content_of(target))
            target.unlink()
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)  # noqa: S603
        end = time.monotonic() + (moments.uniform(0.2, 1.2) * seconds if done < kills else 3600.0)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
            shards_kept.append(len(list(target.with_name(f"{target.name}.shards").glob("shard-*.h5.json"))))
            if target.exists():
                content_of(target)  # whatever is there opens
        elif process.returncode:
            raise RuntimeError(f"generate ended with exit code {process.returncode}")
    contents.add(content_of(target))
    return {"kills": done, "shards_after_each": shards_kept, "contents": sorted(contents)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    arguments = parser.parse_args()
    samples = arguments.samples
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        whole = content_of(generate(configured(folder / "whole.h5", samples, "storage.workers=2")))
        seconds = time.monotonic() - start
        found: dict[str, list[str]] = {}
        for workers, size in ((1, 5), (4, 4)):
            settings = (f"storage.workers={workers}", f"storage.shard_size={size}")
            found[f"{workers} workers"] = [
                content_of(generate(configured(folder / f"{workers}.h5", samples, *settings)))
            ]
        parts = [
            generate_part(configured(folder / f"part{n}.h5", samples), Part(number=n, out_of=4)).shards
            for n in (3, 1, 4, 2)
        ]
        orders = [parts, parts[::-1], [parts[1], parts[3], parts[0], parts[2]]]
        found["4 parts"] = [content_of(merge(order, folder / f"m{n}.h5")) for n, order in enumerate(orders)]
        after = killed(folder / "killed.h5", samples, kills=arguments.kills, seed=arguments.seed, seconds=seconds)
        found[f"{after['kills']} kills"] = after["contents"]
    same = {name: set(contents) == {whole} for name, contents in found.items()}
    result = {
        "samples": samples,
        "content_sha256": whole,
        "same": same,
        "shards_after_each": after["shards_after_each"],
    }
    print(json.dumps(result) if arguments.json else "\n".join(f"{key}: {value}" for key, value in result.items()))
    sys.exit(0 if all(same.values()) else 1)


if __name__ == "__main__":
    main()
