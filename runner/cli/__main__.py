"""`python -m runner.cli` is `ucurve`."""

from runner.cli import main

main()
