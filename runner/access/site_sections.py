"""The sections of the site file, each with its defaults: those of one machine with one user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from runner.access.person import Role

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def _role(value: object) -> object:
    """A role by its name, as files write it."""
    by_name = {role.label: role for role in Role}
    if isinstance(value, Role):
        return value
    if not isinstance(value, str) or value not in by_name:
        raise ValueError(f"must be one of {', '.join(by_name)}, got {value!r}")
    return by_name[value]


RoleName = Annotated[Role, BeforeValidator(_role)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A part of the file: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _names_host(parts: SplitResult) -> bool:
    try:
        return bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # the port is no number
        return False


class DashboardSettings(Section):
    """Where browsers find the dashboard, and where it listens.

    Attributes:
        origin: Scheme, host and port that browsers use, such as `https://ucurve.example.org`.
        listen: Address that the server binds.
        port: Its port there.
        certificate: PEM file, when the server itself speaks TLS and no proxy does.
        certificate_key: PEM file of its key.
        connections_per_client: Most open WebSockets of one client address; 0: no limit.
    """

    origin: str = "http://127.0.0.1:8501"
    listen: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8501
    certificate: Path | None = None
    certificate_key: Path | None = None
    connections_per_client: Annotated[int, Field(ge=0)] = 64

    @field_validator("origin")
    @classmethod
    def _is_origin(cls, origin: str) -> str:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or not _names_host(parts) or plain != origin:
            raise ValueError(f"must be scheme and host such as https://ucurve.example.org, without a path: {origin!r}")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"must begin with https:// for other machines, got {origin!r}")
        return origin.lower()

    @model_validator(mode="after")
    def _speaks_tls(self) -> DashboardSettings:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together")
        if self.listen not in LOOPBACK and self.certificate is None:
            raise ValueError(
                f"listen = {self.listen!r} is open to the network and needs certificate and certificate_key; "
                f"behind a proxy on this machine write listen = '127.0.0.1'"
            )
        return self


class SignInSettings(Section):
    """Sign-in with OpenID Connect.

    Attributes:
        provider: Address of the provider's metadata, `https://.../.well-known/openid-configuration`.
        client_id: As the provider knows this dashboard.
        secrets_file: TOML with `client_secret` and `cookie_secret`, readable for its owner only.
        max_age_hours: A sign-in older than this must be renewed.
        trust_emails: Whether `roles.users` may name people by addresses that the provider does not call verified.
    """

    provider: str
    client_id: Annotated[str, Field(min_length=1)]
    secrets_file: Path
    max_age_hours: Annotated[float, Field(gt=0, le=24 * 7)] = 12.0
    trust_emails: bool = False

    @field_validator("provider")
    @classmethod
    def _is_encrypted(cls, provider: str) -> str:
        parts = urlsplit(provider)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError(f"must begin with https://, got {provider!r}")
        return provider


class RoleSettings(Section):
    """Who has which role: a denied `sub` none, a named user theirs, others the highest that their claims give.

    Attributes:
        default: The role of those that nothing below names.
        users: Roles by `sub`, or by verified e-mail address.
        claims: Roles by claim and value, such as `groups` and `ml-team`.
        deny: `sub`s that are not let in.
    """

    default: RoleName = Role.NOBODY
    users: dict[str, RoleName] = {}
    claims: dict[str, dict[str, RoleName]] = {}
    deny: frozenset[str] = frozenset()

    @field_validator("default")
    @classmethod
    def _gives_no_rights(cls, role: Role) -> Role:
        if role > Role.VIEWER:
            raise ValueError(f"must be nobody or viewer, got {role.label!r}")
        return role


class LimitSettings(Section):
    """What one sweep may take at most; None: no limit.

    Attributes:
        most_runs: Runs of a sweep.
        most_hours: Hours that one attempt may train.
        least_free_bytes: Bytes that must stay free on the store's disk.
    """

    most_runs: Annotated[int, Field(ge=1)] | None = None
    most_hours: Positive | None = None
    least_free_bytes: Annotated[int, Field(ge=0)] = 2 * 1024**3


class CatalogueSettings(Section):
    """What a browser may choose to train with; empty: what the program brings along.

    Attributes:
        models: Model names or folders.
        datasets: Data set names.
        data_folders: Folders whose files may be chosen.
        wandb_projects: W&B projects, as PROJECT or ENTITY/PROJECT, that sweeps may log to with the worker's key.
    """

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    data_folders: tuple[Path, ...] = ()
    wandb_projects: tuple[str, ...] = ()


class AlertSettings(Section):
    """Who is told of finished and failed sweeps.

    Attributes:
        webhook: An address that gets a JSON message; None: nobody. It may be a secret itself, so no message repeats it.
        secrets_file: TOML with `webhook_key`, which signs the messages, readable for its owner only; None: unsigned.
    """

    webhook: str | None = Field(default=None, repr=False)
    secrets_file: Path | None = None

    @field_validator("webhook")
    @classmethod
    def _is_safe(cls, webhook: str | None) -> str | None:
        if webhook is None:
            return None
        parts = urlsplit(webhook)
        if not webhook.isascii() or not webhook.isprintable() or " " in webhook or not _names_host(parts):
            raise ValueError("must be an address such as https://chat.example.org/hooks/abc, without user or password")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("must begin with https://, or with http:// for this machine itself")
        return webhook
