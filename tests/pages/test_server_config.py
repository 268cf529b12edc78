"""What Streamlit is told: what ships, and that nothing from outside changes it under `ucurve app`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pages._server_config import shipped_options
from tests.pages.conftest import APP

HERE = "http://127.0.0.1:8501"
HARDENED = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.allowedHosts": ["127.0.0.1", "localhost"],
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.scriptHealthCheckEnabled": False,
    "server.maxUploadSize": 20,
    "server.maxWidgetStateSize": 4,
    "server.fileWatcherType": "none",
    "server.disconnectedSessionTTL": 60,
    "server.maxCacheDataSize": "512mb",
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "client.showErrorLinks": False,
    "client.disableDataExport": True,
    "runner.postScriptGC": False,
}
WEAKENED = {
    "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",  # noqa: S104 - what must not happen
    "STREAMLIT_SERVER_ENABLE_AGENT_API": "true",
    "STREAMLIT_SERVER_ENABLE_CORS": "false",
    "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
    "STREAMLIT_SERVER_ENABLE_STATIC_SERVING": "true",
    "STREAMLIT_SERVER_TRUSTED_USER_HEADERS": '{"X-User": "sub"}',
    "STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS": '["http://evil.example"]',
    "STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere",
    "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full",
    "STREAMLIT_CLIENT_ALLOWED_ORIGINS": '["http://evil.example"]',
    "STREAMLIT_GLOBAL_DEVELOPMENT_MODE": "true",
    "STREAMLIT_SERVER_COOKIE_SECRET": "known",
    "STREAMLIT_SECRETS_FILES": '["/etc/passwd"]',
}
FILE_IN_HOME = """
[server]
trustedUserHeaders = '{"X-User": "sub"}'
enableAgentApi = true
corsAllowedOrigins = ["http://evil.example"]
[client]
allowedOrigins = ["http://evil.example"]
"""
SHOW = """
import json, sys
from pages._server_config import pin_configuration
from runner.access.site import SiteSettings
from streamlit import config
pin_configuration(SiteSettings.model_validate({"dashboard": {"origin": sys.argv[1]}}), 8501)
print(json.dumps({key: option.value for key, option in config.get_config_options().items()}))
"""


def options_under(origin: str, home: Path, **environment: str) -> dict[str, object]:
    """Every option of Streamlit in a server that was started so."""
    found = subprocess.run(
        [sys.executable, "-c", SHOW, origin],
        cwd=APP.parent,
        env={**os.environ, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    options: dict[str, object] = json.loads(found.stdout)
    return options


def test_the_hardened_configuration_ships() -> None:
    shipped = shipped_options()

    assert {key: shipped.get(key) for key in HARDENED} == HARDENED


@pytest.mark.slow
def test_neither_the_environment_nor_a_home_directory_changes_any_option(tmp_path: Path) -> None:
    clean, weak = tmp_path / "clean", tmp_path / "weak"
    clean.mkdir()
    (weak / ".streamlit").mkdir(parents=True)
    (weak / ".streamlit" / "config.toml").write_text(FILE_IN_HOME)

    wanted, found = options_under(HERE, clean), options_under(HERE, weak, **WEAKENED)
    for options in (wanted, found):
        assert len(str(options.pop("server.cookieSecret"))) == 64  # drawn anew by every server

    assert found == wanted
    assert {key: found[key] for key in HARDENED} == HARDENED
    assert found["secrets.files"] == []
    assert not found["server.trustedUserHeaders"]


@pytest.mark.slow
def test_the_names_of_a_site_are_put_in(tmp_path: Path) -> None:
    options = options_under("https://ucurve.example.org", tmp_path)

    assert options["browser.serverAddress"] == "ucurve.example.org"
    assert options["browser.serverPort"] == 443
    assert "ucurve.example.org" in str(options["server.allowedHosts"])
