"""Who asks for something, and which right the asking needs."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Role(IntEnum):
    """What a person may do; every role may do what the lower ones may."""

    NOBODY = 0
    """Signed in, but not let in."""
    VIEWER = 1
    """See everything, start nothing."""
    LAUNCHER = 2
    """Start, stop and arrange sweeps and imports, annotate runs."""
    ADMIN = 3
    """Read the audit log, stop and arrange what others started."""

    @property
    def label(self) -> str:
        """The role as files and pages write it: `viewer`."""
        return self.name.lower()


class Person(BaseModel):
    """Somebody who asks for something.

    Attributes:
        user_id: Who it is, for ever: the sign-in provider's `sub`, or the operating system's user on the command line.
        name: What people call them; text from outside, to be shown inert.
        email: As the provider says it; None where it says none.
        via: How they ask.
        signed_in_at: Seconds since 1970 when the provider vouched for them; None on this machine's own command line and
            in a dashboard without sign-in.
        claims: The provider's claims that may carry roles or groups, as texts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: Annotated[str, Field(min_length=1, max_length=255)]
    name: Annotated[str, Field(max_length=255)]
    email: str | None = None
    via: Literal["command line", "dashboard"]
    signed_in_at: float | None = None
    claims: dict[str, tuple[str, ...]] = {}
