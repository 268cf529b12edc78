"""What the runner raises on purpose, beside the tree in `analysis.errors`.

UcurveError
├── ModelError          (also ValueError)    a model or its folder cannot be used
└── EnvironmentProblem  (also RuntimeError)  this machine lacks something: a package, memory, a device
"""

from analysis.errors import ConfigError, UcurveError

__all__ = ["ConfigError", "EnvironmentProblem", "ModelError"]


class ModelError(UcurveError, ValueError):
    """A model is unknown, unsafe to load or does not fit the request."""


class EnvironmentProblem(UcurveError, RuntimeError):
    """This machine cannot do what was asked: a missing package, too little memory, no such device."""
