"""The command line `ucurve`. Starting it imports neither torch nor transformers nor streamlit."""

from runner.cli.app import main

__all__ = ["main"]
