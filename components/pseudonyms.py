"""Digests of pseudonyms: to find a person again whom one knows, without a list of who is there.

This hides a pseudonym from readers, not from somebody who has the roster to try: whoever can guess
the pseudonym can confirm it. The digests stay personal data.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def digest_of(person_id: str, salt: str) -> str:
    """HMAC-SHA-256 of a pseudonym in hex (RFC 2104), the key being the salt."""
    return hmac.new(salt.encode(), person_id.encode(), hashlib.sha256).hexdigest()


def hide(people: Iterable[str], salt: str) -> dict[str, Any]:
    """The digests of people, sorted so that their order says nothing, and the salt."""
    return {"salt": salt, "digests": sorted(digest_of(person, salt) for person in set(people))}


def holds(hidden: Mapping[str, Any], person_id: str) -> bool:
    """Whether somebody is among the people that `hide` was given."""
    return digest_of(person_id, hidden["salt"]) in hidden["digests"]
