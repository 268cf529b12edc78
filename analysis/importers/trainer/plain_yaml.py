"""YAML that tools write, read without anything that could blow it up."""

from __future__ import annotations

import json

import yaml

from analysis.importers.wandb_log.json_text import replace_lone_surrogates


def read_plain_yaml(text: str) -> dict[str, object]:
    """The mapping in a YAML text, with values as JSON has them: a date is text.

    An empty one where it is no mapping, or uses aliases, which can grow without bounds.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            return {}
        plain = json.dumps(yaml.safe_load(text), default=str, skipkeys=True)
        content = json.loads(replace_lone_surrogates(plain)[0])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
