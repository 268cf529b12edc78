"""How Streamlit is configured under our server: by `.streamlit/config.toml` beside `app.py`, and by nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from streamlit import config
from streamlit.config_option import ConfigOption
from streamlit.web import bootstrap

from runner.access.site import SiteSettings

APP: Final = Path(__file__).resolve().parents[1] / "app.py"
CONFIG: Final = APP.parent / ".streamlit" / "config.toml"


def pin_configuration(site: SiteSettings, port: int) -> None:
    """Set every option of Streamlit: to the shipped file's value, to what the site needs, else to its default.

    An option that an environment variable or a file in the user's home sets could open what we close, such as
    `server.trustedUserHeaders`, which lets a request say who sends it.

    Args:
        site: Whose origin browsers use.
        port: Where the server listens.
    """
    origin = urlsplit(site.dashboard.origin)
    wanted = {
        **shipped_options(),
        "server.address": site.dashboard.listen,
        "server.port": port,
        "server.allowedHosts": sorted({origin.hostname or "", *_without_sign_in(site)}),
        "browser.serverAddress": origin.hostname,
        "browser.serverPort": origin.port or {"http": 80, "https": 443}[origin.scheme],
        "secrets.files": [],
        "logger.enableRich": False,  # it prints tracebacks to stdout, past every log
    }
    bootstrap.load_config_options(wanted)
    for key, option in config.get_config_options().items():
        if key not in wanted and option.where_defined != ConfigOption.DEFAULT_DEFINITION:
            option.set_value(config._config_options_template[key].value)


def shipped_options() -> dict[str, object]:
    """What the shipped file sets, by dotted key."""
    with CONFIG.open("rb") as opened:
        return dict(_flat(tomllib.load(opened)))


def _without_sign_in(site: SiteSettings) -> tuple[str, ...]:
    return () if site.sign_in is not None else ("127.0.0.1", "localhost")


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
