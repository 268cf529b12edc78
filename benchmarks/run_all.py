"""Runs every benchmark: `python -m benchmarks.run_all`, or `make bench`."""

import tempfile
from pathlib import Path

from benchmarks import evaluation, generation, large_store, packed_vs_peft, precision


def main() -> None:
    """One after another; each writes its file in `benchmarks/results/`."""
    packed_vs_peft.compare(repeats=3)
    precision.main()
    evaluation.compare(repeats=3)
    generation.compare(repeats=3)
    with tempfile.TemporaryDirectory() as folder:
        large_store.run(Path(folder))


if __name__ == "__main__":
    main()
