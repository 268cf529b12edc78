from __future__ import annotations

import pytest

from analysis.importers.redaction import MARKER, Redactor

SECRET_NAMES = [
    "api_key", "apiKey", "APIKEY", "WANDB_API_KEY", "wandb_key", "OPENAI_API_KEY", "openai.key", "hf_token", "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN", "hub_token", "push_to_hub_token", "use_auth_token", "access_token", "accessToken",
    "github_token", "GITHUB_PAT", "secret", "client_secret", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "password",
    "passwd", "db_pass", "PGPASSWORD", "wandbApikey", "mypassword2", "mysql_pwd", "passphrase", "credentials",
    "cred", "auth", "basic_auth", "Authorization", "private_key", "ssh-key", "neptune_api_token", "X-Api-Key",
    "MLFLOW_TRACKING_PASSWORD", "bot_token", "tinker_api_key", "sas_token", "encryption_key", "signing.key",
]  # fmt: skip
HARMLESS = {
    "num_tokens": 4096, "max_tokens": "2048", "max_new_tokens": 128, "eos_token": "<|endoftext|>", "pad_token": "</s>",
    "eos_token_id": 2, "bos_token_id": "1", "tokenizer": "meta-llama/Llama-3.2-1B", "tokenizer_name": "gpt2",
    "token_budget": 100_000_000, "tokens_per_second": 1234.5, "tokens_seen": 55_555, "key_dim": 64, "d_key": 32,
    "num_key_value_heads": 8, "query_key_norm": True, "author": "Ada Lovelace", "authors": ["A", "B"],
    "dataset_key": "train_split", "key": "text", "keys": ["loss", "acc"], "sort_key": "created_at", "token": "<s>",
    "image_token": "<image>", "stop_token": "\n", "response_token": "### Answer:", "secret_ratio": 0.25,
    "password_length": 12, "api_key_env": "OPENAI_API_KEY", "api_key_file": "/run/secrets/key", "monkey": "banana",
    "passes": 3, "n_pass": 2, "pass@1": 0.5, "pass_rate": "0.8", "compass": "north", "auth_type": "oauth2",
    "bypass": "no", "hub_token": None, "use_auth_token": True, "token_type_ids": [0, 1], "keyboard": "qwerty",
    "authority": "x", "credit": "full", "n_credits": 10, "special_tokens": ["<a>", "<b>"], "tokenize": "yes",
    "detokenizer": "moses", "secretary": "Ms Smith", "cache_key": "v1", "metric_key": "eval/loss",
    "primary_key": "user_id_2023_partition", "token_dropout": 0.1, "train_tokens": "1e9", "private": True,
    "trial_key": "4e0a7bdf05e43c82", "rng_key": "a1b2c3d4e5f6a7b8c9",
}  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_what_stands_under_a_secret_name_goes(name: str) -> None:
    redactor = Redactor()
    nested = {"a": [{name: "Pa55"}]}
    assert redactor.clean({name: "Tr0ub4dor&3", "b": nested}) == {name: MARKER, "b": {"a": [{name: MARKER}]}}
    assert redactor.n_redacted == 2


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_sounds_like_it_stays(name: str) -> None:
    redactor = Redactor()
    assert redactor.clean({name: HARMLESS[name], "deep": {name: HARMLESS[name]}})["deep"] == {name: HARMLESS[name]}  # type: ignore[index]
    assert redactor.n_redacted == 0
    as_text = f"run {name}={HARMLESS[name]} {name}: {HARMLESS[name]}"
    assert Redactor().clean_text(as_text) == as_text


@pytest.mark.parametrize("mask", ["<HUB_TOKEN>", "***", "[redacted]", "${HF_TOKEN}", "$HF_TOKEN", "None", "", "xxxx"])
def test_masks_are_neither_replaced_nor_counted(mask: str) -> None:
    redactor = Redactor()
    assert redactor.clean({"hub_token": mask}) == {"hub_token": mask}
    assert redactor.n_redacted == 0


def test_everything_inside_a_secret_section_goes_but_its_numbers() -> None:
    config = {"credentials": {"user": "ada", "parts": ["x1", "y2"], "port": 5432, "on": True, "password": 12345678}}
    cleaned = Redactor().clean(config)
    assert cleaned == {
        "credentials": {"user": MARKER, "parts": [MARKER] * 2, "port": 5432, "on": True, "password": MARKER}
    }


def test_an_unknown_key_goes_only_when_its_value_looks_made_at_random() -> None:
    random = "q7Zp2Lm9Xc4Vb8Nn1Tr6"
    assert Redactor().clean({"foo_key": random, "foo_token": random, "key": random, "foo": random}) == {
        "foo_key": MARKER, "foo_token": MARKER, "key": MARKER, "foo": random,
    }  # fmt: skip
