"""Made-up secrets of every shape, in the places where they are logged; and what only looks like one."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.importers.redaction import MARKER, Redactor

_RANDOM = random.Random(7)  # noqa: S311 - not for keeping secrets


def _letters(n: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_RANDOM.choice(alphabet) for _ in range(n))


HEX40 = _letters(40, "0123456789abcdef")
SECRETS = [
    HEX40, f"local-{HEX40}", f"wandb_v1_{_letters(40)}", f"sk-proj-{_letters(30)}", f"sk-ant-api03-{_letters(40)}",
    f"hf_{_letters(34)}", f"ghp_{_letters(36)}", f"gho_{_letters(36)}", f"github_pat_{_letters(22)}_{_letters(40)}",
    f"glpat-{_letters(20)}", f"AKIA{_letters(16, string.ascii_uppercase)}", f"xoxb-{_letters(11)}-{_letters(24)}",
    f"eyJ{_letters(20)}.eyJ{_letters(30)}.{_letters(40)}", f"AIza{_letters(35)}", f"tml-{_letters(40)}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{_letters(64)}\n{_letters(64)}\n-----END RSA PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:12].strip("-"))
@pytest.mark.parametrize("text", ["{}", "see {} there", '{{"x": "{}"}}', "a={}", "x,{},y"])
def test_shapes_go_wherever_they_stand(secret: str, text: str) -> None:
    redactor = Redactor()
    assert redactor.clean({"note": [text.format(secret)]}) == {"note": [text.format(MARKER)]}
    assert redactor.n_redacted == 1


def test_a_private_key_without_its_end_goes_to_the_end_of_the_text() -> None:
    assert Redactor().clean_text(f"x -----BEGIN OPENSSH PRIVATE KEY-----\n{_letters(64)}\n") == f"x {MARKER}"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("train.py --api-key abc --lr 1e-4", f"train.py --api-key {MARKER} --lr 1e-4"),
        ("train.py --password=hunter2 --x", f"train.py --password={MARKER} --x"),
        ("train.py --hub_token 'a b' x", f"train.py --hub_token '{MARKER}' x"),
        ("WANDB_API_KEY=abcdef python t.py", f"WANDB_API_KEY={MARKER} python t.py"),
        ("+trainer.hub_token=abc trainer.max_tokens=5", f"+trainer.hub_token={MARKER} trainer.max_tokens=5"),
        ("curl -H 'Authorization: Bearer abcdefgh'", f"curl -H 'Authorization: Bearer {MARKER}'"),
        ("X-Api-Key: abc", f"X-Api-Key: {MARKER}"),
        ("wandb login --relogin " + "k" * 40, f"wandb login --relogin {MARKER}"),
        ('{"api_key": "a \\" b", "lr": 1}', f'{{"api_key": "{MARKER}", "lr": 1}}'),
        ('"{\\"api_key\\": \\"abc\\"}"', f'"{{\\"api_key\\": \\"{MARKER}\\"}}"'),
        ("https://ada:s3cret@host/repo.git", f"https://ada:{MARKER}@host/repo.git"),
        ("redis://:pw@host:6379/0", f"redis://:{MARKER}@host:6379/0"),
        (f"https://{_letters(8)}1a2b3c4d5e6f7g8h@host/r", f"https://{MARKER}@host/r"),
        ("postgresql+psycopg://u:p%40ss@db:5432/optuna", f"postgresql+psycopg://u:{MARKER}@db:5432/optuna"),
        ("https://h/x?token=abc&step=3", f"https://h/x?token={MARKER}&step=3"),
        ("https://h/x?a=1&sig=zz%2B&se=2026", f"https://h/x?a=1&sig={MARKER}&se=2026"),
        ("https://h/x?X-Amz-Signature=00ff#top", f"https://h/x?X-Amz-Signature={MARKER}#top"),
        ("https://hooks.slack.com/services/T0000/B0000/XXXX", f"https://hooks.slack.com/services/{MARKER}"),
    ],
)
def test_command_lines_urls_and_headers(text: str, cleaned: str) -> None:
    redactor = Redactor()
    assert redactor.clean_text(text) == cleaned
    assert redactor.n_redacted == 1
    assert redactor.clean_text(cleaned) == cleaned
    assert redactor.n_redacted == 1


def test_the_word_after_a_flag_goes_in_a_list_of_arguments() -> None:
    argv = ["t.py", "--wandb_key", "abc", "--num_tokens", "512", "--password", "--verbose", "--hub-token=xyz"]
    assert Redactor().clean({"args": argv}) == {
        "args": [
            "t.py", "--wandb_key", MARKER, "--num_tokens", "512", "--password", "--verbose", f"--hub-token={MARKER}"
        ]
    }  # fmt: skip


HARMLESS_TEXTS = [
    f"commit {HEX40}", f"git checkout {HEX40}", f"HEAD is now at {HEX40}", f"sha1:{HEX40}", f"revision={HEX40}",
    f"/root/.cache/huggingface/hub/models--gpt2/snapshots/{HEX40}/config.json", f"pkg @ git+https://h/r@{HEX40}",
    f"https://h/o/r/commit/{HEX40}", "0" * 40, "1234567890" * 4, HEX40 + "ab", "a basic understanding-of-things",
    "bearer of bad news-everywhere", "ssh://git@github.com/o/r.git", "https://h:8080/a@b", "git@github.com:o/r.git",
    "task-specific-learning-rate-sweep", "sk-learn-classifier-version", "hf_transformers_model_name_or_path",
    "tokens: 100000", "s3://bucket/key/name.parquet", "the token budget is 8000", "max_tokens: 4096",
    "unauthorised authors wrote it", "keyword=abc", "1e-4", "NaN", "loss/train:key", "--eos_token </s> --pad_token x",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    redactor = Redactor()
    assert redactor.clean_text(text) == text
    assert redactor.n_redacted == 0


@pytest.mark.parametrize(
    "path",
    [("commit",), ("git", "commit"), ("git", "last"), ("model_revision",), ("dataset_sha",), ("_commit_hash",),
     ("data", "digest"), ("transformers_version",), ("dataset_id",)],
)  # fmt: skip
def test_forty_digits_under_the_name_of_a_hash_stay(path: tuple[str, ...]) -> None:
    value: object = HEX40
    for name in reversed(path):
        value = {name: value}
    assert Redactor().clean(value) == value
    key = {"git": {"token": HEX40}, "sha_key": f"hf_{_letters(34)}"}
    assert Redactor().clean(key) == {"git": {"token": MARKER}, "sha_key": MARKER}


PIECES = [
    *SECRETS, *HARMLESS_TEXTS, "--api-key ", "token=", "password: ", "://", "user:", "@", "Bearer ", '"', "'", "\\",
    " ", "\n", MARKER, "&", "?sig=", "Authorization: ", "é", "\ud800", "key", "=", ":", "-----BEGIN PRIVATE KEY-----",
]  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8))
def test_cleaning_twice_is_cleaning_once(pieces: list[str]) -> None:
    redactor = Redactor()
    once = redactor.clean_text("".join(pieces))
    n_redacted = redactor.n_redacted
    assert redactor.clean_text(once) == once
    assert redactor.n_redacted == n_redacted


_NUMBERS = st.floats(allow_nan=False) | st.integers() | st.booleans() | st.none()
_VALUES = st.recursive(
    _NUMBERS | st.text("abcxyz 0123<>/_.é", max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz_.", max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_nothing_else_changes(value: object) -> None:
    redactor = Redactor()
    cleaned = redactor.clean(value)
    assert repr(cleaned) == repr(value)
    assert redactor.n_redacted == 0


@settings(max_examples=60)
@given(st.text(max_size=30), st.sampled_from(SECRETS), st.text(max_size=30))
def test_a_secret_among_other_text_is_gone(before: str, secret: str, after: str) -> None:
    """Whatever stands around it, as long as a blank parts them."""
    assert secret not in Redactor(known=[secret]).clean_text(f"{before} {secret} {after}")
