"""The option that both scaling verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

SettingOption = Annotated[
    str | None,
    typer.Option(
        "--setting",
        metavar="KEYS",
        help="Configuration keys that make a setting of its own, separated by commas "
        "(default: all that vary, except the axis and what follows from it).",
    ),
]


def split_keys(keys: str | None) -> list[str] | None:
    """Returns the keys of a comma-separated option; None where it was not given."""
    return None if keys is None else [key.strip() for key in keys.split(",") if key.strip()]
