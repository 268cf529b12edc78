from __future__ import annotations

from tests.runner.cli.conftest import ucurve

__all__ = ["ucurve"]
