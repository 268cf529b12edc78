"""Where a sweep's runs are logged besides the store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runner.spec.fields import Section

Label = Annotated[str, Field(min_length=1, max_length=128)]
Tag = Annotated[str, Field(min_length=1, max_length=64)]


class TrackSection(Section):
    """A copy of every run in W&B; it is no part of what makes two trials the same."""

    wandb: Literal["offline", "online"] = Field(
        description="offline writes W&B's files beside the store, for wandb sync; online sends them to the server."
    )
    project: Label = Field(description="W&B project.")
    entity: Label | None = Field(default=None, description="W&B user or team; your default one unless set.")
    group: Label | None = Field(
        default=None, description="Group of the runs.", json_schema_extra={"shown_default": "name of the sweep"}
    )
    tags: tuple[Tag, ...] = Field(default=(), description="Tags of every run.", max_length=20)
