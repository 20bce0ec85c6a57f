"""Signatures with a key pair of one's own."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from components.errors import TrustError
from components.model_directory import SIGNATURE_FILE
from components.registry import fetch_model
from components.signing import SIGNING_VARIABLE, VERIFY_VARIABLE, check_signature, sign_model
from components.trusted_model import write_manifest
from tests.registered import register, write_model


def write_keys(folder):
    """A private and a public key."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "private.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(pem, info))
    return folder


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """A key pair that the environment names."""
    folder = write_keys(tmp_path / "keys")
    monkeypatch.setenv(SIGNING_VARIABLE, str(folder / "private.pem"))
    monkeypatch.setenv(VERIFY_VARIABLE, str(folder / "public.pem"))
    return folder


@pytest.fixture
def model(tmp_path):
    model = write_model(tmp_path / "model")
    write_manifest(model)
    return model


def test_what_was_signed_is_accepted_wherever_it_lies(keys, model, tmp_path):
    assert sign_model(model)
    check_signature(model.rename(tmp_path / "elsewhere"))


def test_a_file_that_was_changed_breaks_the_signature(keys, model):
    sign_model(model)
    (model / "model.tflite").write_bytes(b"other")
    with pytest.raises(TrustError, match=r"does not hold.*model\.tflite"):
        check_signature(model)


def test_a_file_that_was_added_breaks_the_signature(keys, model):
    sign_model(model)
    (model / ".gitattributes").touch()
    with pytest.raises(TrustError, match="Extra files"):
        check_signature(model)


def test_the_signature_of_somebody_else_is_refused(keys, model, monkeypatch, tmp_path):
    sign_model(model)
    monkeypatch.setenv(VERIFY_VARIABLE, str(write_keys(tmp_path / "theirs") / "public.pem"))
    with pytest.raises(TrustError, match="Key mismatch"):
        check_signature(model)


@pytest.mark.parametrize("content", ["", "{}", "no JSON", '{"mediaType": 1}'])
def test_what_is_no_signature_is_refused(keys, model, content):
    (model / SIGNATURE_FILE).write_text(content)
    with pytest.raises(TrustError, match="does not hold"):
        check_signature(model)


def test_without_a_key_nothing_is_signed_and_nothing_is_asked(model, monkeypatch):
    monkeypatch.delenv(SIGNING_VARIABLE, raising=False)
    monkeypatch.delenv(VERIFY_VARIABLE, raising=False)
    assert not sign_model(model)
    check_signature(model)
    assert not (model / SIGNATURE_FILE).exists()


@pytest.mark.parametrize("key", ["public.pem", "missing.pem"])
def test_a_key_that_cannot_sign_is_an_error_that_says_what_is_needed(keys, model, monkeypatch, key):
    monkeypatch.setenv(SIGNING_VARIABLE, str(keys / key))
    with pytest.raises(TrustError, match="EC private key in PEM"):
        sign_model(model)


def test_an_unsigned_version_is_not_fetched_where_a_signature_is_asked_for(
    keys, model, registry, tmp_path
):
    register(model, registry)
    with pytest.raises(TrustError, match="not signed"):
        fetch_model(registry, tmp_path / "fetched")


def test_a_signed_version_is_fetched_with_its_signature(keys, model, registry, tmp_path):
    sign_model(model)
    register(model, registry)
    assert (fetch_model(registry, tmp_path / "fetched") / SIGNATURE_FILE).is_file()
