from __future__ import annotations

import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from runner.access.signing import Signer
from runner.errors import EnvironmentProblem


def sign_hello(key_file: str) -> str:
    return Signer(Path(key_file)).sign(b"hello")


def test_a_signature_holds_for_its_payload_and_key_only(tmp_path: Path) -> None:
    signer, other = Signer(tmp_path / "key"), Signer(tmp_path / "other")
    signature = signer.sign(b"hello")

    assert signer.verify(b"hello", signature)
    assert Signer(tmp_path / "key").verify(b"hello", signature)
    assert not signer.verify(b"hallo", signature)
    assert not other.verify(b"hello", signature)
    for forged in ("", signature[:-1], signature.upper(), "ä" * 64, "\ud800"):
        assert not signer.verify(b"hello", forged)


def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    Signer(tmp_path / "key")

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_those_who_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        signatures = set(pool.map(sign_hello, [str(tmp_path / "key")] * 16))

    assert len(signatures) == 1


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    Signer(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)

    with pytest.raises(EnvironmentProblem, match="chmod 600"):
        Signer(tmp_path / "key")


def test_a_cut_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    (tmp_path / "key").chmod(0o600)

    with pytest.raises(EnvironmentProblem, match="holds 5 bytes"):
        Signer(tmp_path / "key")


def test_a_key_in_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot be used"):
        Signer(tmp_path / "nowhere" / "key")
