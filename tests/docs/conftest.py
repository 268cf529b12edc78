"""Fixtures of the command line, for what the documentation says of it."""

from tests.runner.cli.conftest import ucurve

__all__ = ["ucurve"]
