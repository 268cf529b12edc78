"""Templates, style and scripts of reports, and how they are put into a page. Texts here never come from outside."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from importlib.resources import files

import jinja2


@lru_cache
def read_asset(name: str) -> str:
    """A file of this folder, as text."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@lru_cache
def template_named(name: str) -> jinja2.Template:
    """A template of this folder; it escapes everything that is not marked as safe in it."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


@lru_cache
def script_policy(*scripts: str) -> str:
    """A content security policy under which these scripts run and nothing else does, and nothing is fetched."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    # plotly.js writes a style sheet of its own when it starts; a style can load nothing here.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    """A script as a policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def to_script_json(value: object) -> str:
    """JSON that cannot end the element it stands in; keys sorted, so that equal values are equal texts."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
