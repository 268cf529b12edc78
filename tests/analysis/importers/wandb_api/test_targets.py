"""What users write: targets, servers and options."""

from __future__ import annotations

import pytest

from analysis.errors import ConfigError
from analysis.importers.source import Request
from analysis.importers.wandb_api.options import read_options
from analysis.importers.wandb_api.targets import CLOUD, Target, choose_server, parse_target, server_host


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("team/proj", Target("team", "proj")),
        ("team/proj/", Target("team", "proj")),
        ("team/proj/abc123", Target("team", "proj", "abc123")),
        ("team/proj/runs/abc123", Target("team", "proj", "abc123")),
        ("https://wandb.ai/team/proj", Target("team", "proj", None, "https://wandb.ai")),
        ("https://wandb.ai/team/proj/workspace?nw=1", Target("team", "proj", None, "https://wandb.ai")),
        ("https://wandb.ai/team/proj/runs/abc/logs", Target("team", "proj", "abc", "https://wandb.ai")),
        ("https://wandb.ai/team/proj/sweeps/abc", Target("team", "proj", None, "https://wandb.ai")),
        ("https://wandb.ai/team/a%20b/runs/abc", Target("team", "a b", "abc", "https://wandb.ai")),
        (
            "https://forge.coreweave.com/wandb/team/proj/runs/abc",
            Target("team", "proj", "abc", "https://forge.coreweave.com"),
        ),
        ("http://wandb.lab:8080/team/proj", Target("team", "proj", None, "http://wandb.lab:8080")),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["", "proj", "a//b", "a/b/c/d", "ftp://x/a/b", "https://wandb.ai/team", "https://user:pw@wandb.ai/a/b", "a/b\\c"],
)
def test_what_is_no_target_says_so(text: str) -> None:
    with pytest.raises(ConfigError, match="write entity/project"):
        parse_target(text)


def test_the_cloud_has_one_name_whatever_its_address() -> None:
    for address in ("https://api.wandb.ai", "https://wandb.ai", "https://api.forge.coreweave.com"):
        assert server_host(address) == "api.wandb.ai"
    assert choose_server(parse_target("team/proj"), "https://api.wandb.ai/") == "https://api.wandb.ai"
    assert choose_server(parse_target("https://wandb.ai/a/b"), "https://wandb.ai") == CLOUD
    assert choose_server(parse_target("https://wandb.ai/a/b"), None) == CLOUD
    assert server_host("https://WandB.Lab:8080/") == "wandb.lab:8080"
    assert server_host("https://wandb.lab") == "wandb.lab"


def test_a_link_to_another_server_does_not_get_the_key() -> None:
    evil = parse_target("https://evil.example/team/proj")
    with pytest.raises(ConfigError, match=r"add --base-url https://evil\.example if it is yours"):
        choose_server(evil, None)
    with pytest.raises(ConfigError, match=r"is not on the server https://wandb\.lab"):
        choose_server(evil, "https://wandb.lab")
    assert choose_server(evil, "https://evil.example/") == "https://evil.example"


@pytest.mark.parametrize(
    "base_url",
    [
        "wandb.lab",
        "https://user:pw@wandb.lab",
        "https://",
        "ftp://wandb.lab",
        "http://[wandb.lab",
        "http://wandb.lab:99999",
    ],
)
def test_a_wrong_base_url_says_so(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        choose_server(parse_target("team/proj"), base_url)


def _filters(**options: str) -> object:
    return read_options(Request(targets=("team/proj",), options=options, now=1_782_000_000.0)).filters


def test_filters() -> None:
    since = {"$or": [{"createdAt": {"$gte": "2026-05-01T00:00:00Z"}}, {"state": "running"}]}
    assert _filters() == {}
    assert _filters(filter='{"tags": "x"}') == {"tags": "x"}
    assert _filters(since="2026-05-01") == since
    assert _filters(since="2026-05-01T02:00:00+02:00") == since
    assert _filters(since="2026-05-01", filter='{"tags": "x"}') == {"$and": [{"tags": "x"}, since]}
    assert _filters(since="30d") == {"$or": [{"createdAt": {"$gte": "2026-05-22T00:00:00Z"}}, {"state": "running"}]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filter": "tags=x"}, "is no JSON"),
        ({"filter": "[1]"}, "is no JSON object"),
        ({"since": "yesterday"}, "neither a date"),
        ({"since": "99999d"}, "neither a date"),
        ({"timeout_s": "0"}, "from 1 to 600"),
        ({"timeout_s": "nan"}, "from 1 to 600"),
        ({"timeout_s": "x"}, "from 1 to 600"),
    ],
)
def test_a_wrong_option_says_what_it_should_be(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_options(Request(targets=("team/proj",), options=options, now=1_782_000_000.0))
