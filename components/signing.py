"""Signatures over a model directory, made and checked with a key pair of the school's own.

They are those of the OpenSSF's model signing (a Sigstore bundle over the digest of every file),
with an elliptic curve key, so that nothing is asked of a network. The environment names the keys'
files, ROLLCALL_SIGNING_KEY the private one where models are registered, ROLLCALL_VERIFY_KEY the
public one wherever they are fetched. It is read when something is signed or checked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.errors import TrustError
from components.model_directory import SIGNATURE_FILE

if TYPE_CHECKING:
    from model_signing import hashing

SIGNING_VARIABLE: Final = "ROLLCALL_SIGNING_KEY"
VERIFY_VARIABLE: Final = "ROLLCALL_VERIFY_KEY"


def sign_model(directory: Path) -> bool:
    """Write SIGNATURE_FILE over all other files; returns whether there was a key to sign with.

    Raises:
        TrustError: the key cannot be used.
    """
    key = _key(SIGNING_VARIABLE)
    if key is None:
        return False
    from model_signing import signing  # noqa: PLC0415 - slow, and most have no key

    try:
        signer = signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, TypeError, ValueError) as error:
        raise TrustError(
            f"the key that {SIGNING_VARIABLE} names cannot be used ({type(error).__name__}): it "
            "has to be an EC private key in PEM without a password"
        ) from error
    signer.set_hashing_config(_all_but_the_signature()).sign(directory, directory / SIGNATURE_FILE)
    return True


def check_signature(directory: Path) -> None:
    """Refuse a model that was not signed with the key whose public half is given, if one is.

    Raises:
        TrustError: it is not signed, or otherwise, or was changed since; or the key cannot be used.
    """
    key = _key(VERIFY_VARIABLE)
    if key is None:
        return
    if not (directory / SIGNATURE_FILE).is_file():
        raise TrustError(
            f"the model is not signed, and {VERIFY_VARIABLE} asks for it. Register it where "
            f"{SIGNING_VARIABLE} names the private key"
        )
    from model_signing import verifying  # noqa: PLC0415 - slow, and most have no key

    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
        verifier.set_hashing_config(_all_but_the_signature())
        verifier.verify(directory, directory / SIGNATURE_FILE)
    except Exception as error:  # whatever is wrong with a signature, it is not right
        raise TrustError(
            f"the model's signature does not hold with the key that {VERIFY_VARIABLE} names "
            f"({type(error).__name__}: {error}). Do not use it"
        ) from error


def _key(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named).expanduser() if named else None


def _all_but_the_signature() -> hashing.Config:
    from model_signing import hashing  # noqa: PLC0415 - slow

    return hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE], ignore_git_paths=False)
