"""What a user writes to name a server's runs: `entity/project`, `entity/project/run_id`, or an address in a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from analysis.errors import ConfigError

CLOUD: Final = "https://api.forge.coreweave.com"
"""Default of the client; it also finds a key that was saved under the older name `api.wandb.ai`, not the reverse."""
_CLOUD_HOST: Final = "api.wandb.ai"
_CLOUD_HOSTS: Final = frozenset(
    {"wandb.ai", "www.wandb.ai", "app.wandb.ai", _CLOUD_HOST, "forge.coreweave.com", "api.forge.coreweave.com"}
)
_NAME: Final = re.compile(r"[^/\\:?#%\x00-\x1f]+")
"""W&B's names hold none of these characters."""
_FORGE_PREFIX: Final = "wandb"
_PLACE: Final = "W&B target {!r} is none; write entity/project, entity/project/run_id, or the address of either"


@dataclass(frozen=True, slots=True)
class Target:
    """Runs on a server.

    Attributes:
        address: Scheme and host of the address that the user gave, None where there was none.
        run_id: The one run, or None for all of the project.
    """

    entity: str
    project: str
    run_id: str | None = None
    address: str | None = None


def parse_target(target: str) -> Target:
    """The runs that a target names.

    Raises:
        ConfigError: it names none.
    """
    address, path = None, target
    if "://" in target:
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ConfigError(_PLACE.format(target))
        address, path = f"{parts.scheme}://{parts.netloc}", parts.path
    names = [unquote(part) for part in path.strip("/ ").split("/")]
    if address is not None and server_host(address) == _CLOUD_HOST and names[0] == _FORGE_PREFIX and len(names) > 2:
        names = names[1:]
    if len(names) > 3 and names[2] == "runs":
        names = [*names[:2], *(names[3:4] if address is not None else names[3:])]
    elif address is not None:
        names = names[:2]
    # What is cut off an address leads to a page: a run's logs, the project's workspace, its sweeps ...
    if len(names) not in (2, 3) or not all(_NAME.fullmatch(name) for name in names):
        raise ConfigError(_PLACE.format(target))
    return Target(names[0], names[1], names[2] if len(names) == 3 else None, address)


def server_host(base_url: str) -> str:
    """What names a server in the key of its runs: host and port; one name for all addresses of the cloud."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    if host in _CLOUD_HOSTS:
        return _CLOUD_HOST
    return f"{host}:{parts.port}" if parts.port else host


def choose_server(target: Target, base_url: str | None) -> str:
    """The base address to ask.

    An API key goes to a server only when the user or wandb's settings name that server, not because somebody's link
    leads there.

    Args:
        target: What is to be read.
        base_url: The server that is set, None where none is: then it is the cloud.

    Raises:
        ConfigError: the target's address is that of another server.
    """
    if base_url is not None and not _is_server(base_url):
        raise ConfigError(
            f"base_url {base_url!r} is no address of a W&B server; write it like https://wandb.example.org"
        )
    chosen = (base_url or CLOUD).rstrip("/")
    if target.address is not None and server_host(target.address) != server_host(chosen):
        raise ConfigError(
            f"the address {target.address} is not on the server {chosen} that the API key is for; "
            f"add --base-url {target.address} if it is yours"
        )
    is_page = server_host(chosen) == _CLOUD_HOST and not str(urlsplit(chosen).hostname).startswith("api.")
    return CLOUD if is_page else chosen


def _is_server(address: str) -> bool:
    """Whether an address is that of a web server, without a user in it."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
