"""Runs every benchmark: `python -m benchmarks.run_all`, or `make bench`."""

from benchmarks import packed_vs_peft, precision


def main() -> None:
    """One after another; each writes its file in `benchmarks/results/`."""
    packed_vs_peft.compare(repeats=3)
    precision.main()


if __name__ == "__main__":
    main()
