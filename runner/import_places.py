"""What a browser may ask to import: paths below the folders, and servers, that whoever started the dashboard named."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors import ConfigError

CLOUD: Final = "https://api.wandb.ai"
ROOTS_VARIABLE: Final = "UCURVE_IMPORT_ROOTS"
SERVERS_VARIABLE: Final = "UCURVE_WANDB_SERVERS"
_MOST_FOLDERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlaces:
    """Folders, absolute and with links resolved, and W&B servers; the first of each is offered first."""

    roots: tuple[Path, ...]
    servers: tuple[str, ...]

    def to_environment(self) -> dict[str, str]:
        """Environment variables that `read_places` understands."""
        return {ROOTS_VARIABLE: os.pathsep.join(map(str, self.roots)), SERVERS_VARIABLE: " ".join(self.servers)}

    def find(self, text: str) -> Path:
        """The real path that a text names, relative ones from the first folder.

        Raises:
            ConfigError: it lies outside of the folders, through a link too, or there is nothing.
        """
        if not self.roots:
            raise ConfigError("this dashboard reads no folders; start it with `ucurve app --import-root DIR`")
        try:
            path = (self.roots[0] / text.strip()).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            path = None
        if path is None or not any(path.is_relative_to(root) for root in self.roots):
            known = ", ".join(map(str, self.roots))
            raise ConfigError(
                f"there is nothing at {text.strip()!r} below {known}; "
                f"`ucurve app --import-root DIR` lets the dashboard read other folders"
            )
        return path

    def suggest(self) -> list[str]:
        """The folders themselves and what lies directly in them, hidden ones left out."""
        found = [str(root) for root in self.roots]
        for root in self.roots:
            try:
                inside = sorted(path for path in root.iterdir() if not (path.name.startswith(".") or path.is_symlink()))
            except OSError:
                continue
            found += [str(path) for path in inside if path.is_dir()]
        return found[:_MOST_FOLDERS]


def places_from(roots: Sequence[Path], servers: Sequence[str], environment: Mapping[str, str]) -> ImportPlaces:
    """The places of a dashboard that is about to start.

    Args:
        roots: Folders that were named; none: the current one.
        servers: Servers that were named, beside the cloud and the one that W&B's own variable names.
        environment: Where that variable stands.

    Raises:
        ConfigError: one of the folders does not exist, or a server is no address.
    """
    for root in roots:
        if not root.is_dir():
            raise ConfigError(f"--import-root must name a folder, and there is none at {str(root)!r}")
    for server in servers:
        if not server.startswith(("http://", "https://")) or any(letter.isspace() for letter in server):
            raise ConfigError(f"--wandb-server must be an address such as https://wandb.example.org, got {server!r}")
    own = environment.get("WANDB_BASE_URL")
    known = dict.fromkeys([*servers, *([own] if own else []), CLOUD])
    return ImportPlaces(roots=tuple(root.resolve() for root in roots or [Path.cwd()]), servers=tuple(known))


def read_places(environment: Mapping[str, str]) -> ImportPlaces:
    """What `to_environment` noted; a dashboard that was started in another way reads no folders."""
    roots = [Path(text) for text in environment.get(ROOTS_VARIABLE, "").split(os.pathsep) if text]
    servers = environment.get(SERVERS_VARIABLE, "").split()
    return ImportPlaces(roots=tuple(roots), servers=tuple(servers) or (CLOUD,))
