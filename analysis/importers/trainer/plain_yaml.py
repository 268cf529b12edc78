"""YAML that tools write, read without anything that could blow it up."""

from __future__ import annotations

import yaml


def read_plain_yaml(text: str) -> dict[str, object]:
    """The mapping in a YAML text; an empty one where it is none, or uses aliases, which can grow without bounds."""
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            return {}
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
