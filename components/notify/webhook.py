"""Posts to a webhook whose address is a secret: whoever has it can post."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBHOOK_VARIABLE: Final = "ROLLCALL_WEBHOOK"
_AGAIN: Final = frozenset({429, *range(500, 600)})
"""Answers after which it is tried again; what else is wrong stays wrong."""


@dataclass(frozen=True)
class Limits:
    """How long a post may take.

    Attributes:
        tries: at the most.
        connect_s: of each try.
        read_s: of each try, for the answer.
        backoff_s: before the third try; doubled with each further. The second follows at once.
        retry_after_s: as long as the other side may ask to wait, each time.
        deadline_s: of all together, whatever hangs.
    """

    tries: int = 3
    connect_s: float = 5.0
    read_s: float = 10.0
    backoff_s: float = 4.0
    retry_after_s: int = 30
    deadline_s: float = 120.0


LIMITS: Final = Limits()


def post(address: str, body: dict[str, Any], limits: Limits = LIMITS) -> str | None:
    """Post JSON; redirects are not followed.

    Args:
        address: https://, or http:// of this machine.
        body: what is posted.
        limits: how long it may take.

    Returns:
        Why it was not taken, without the address; None if it was.
    """
    outcome: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # The timeouts of sockets bound neither the look-up of a name nor an answer that trickles in.
    work = threading.Thread(
        target=lambda: outcome.put(_post(address, body, limits)), daemon=True, name="webhook"
    )
    work.start()
    try:
        return outcome.get(timeout=limits.deadline_s)
    except queue.Empty:
        return f"no answer within {limits.deadline_s:g} s"


def _post(address: str, body: dict[str, Any], limits: Limits) -> str | None:
    retries = urllib3.Retry(
        total=limits.tries - 1,
        allowed_methods=None,  # a notice that comes twice is better than none
        status_forcelist=_AGAIN,
        backoff_factor=limits.backoff_s / 2,
        retry_after_max=limits.retry_after_s,
        raise_on_status=False,
    )
    try:
        if not _is_private(address):
            return "its address has to begin with https://"
        with _unlogged():
            answer = urllib3.request(
                "POST",
                address,
                body=json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
                redirect=False,
                timeout=urllib3.Timeout(connect=limits.connect_s, read=limits.read_s),
                retries=retries,
                preload_content=False,
            )
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        return type(getattr(error, "reason", None) or error).__name__  # the text has the address
    return None if 200 <= answer.status < 300 else f"it answered {answer.status}"


def _is_private(address: str) -> bool:
    """Whether nobody on the way can read what is posted."""
    url = urllib3.util.parse_url(address)
    if url.scheme == "https":
        return True
    host = (url.host or "").strip("[]")
    with contextlib.suppress(ValueError):
        return url.scheme == "http" and ipaddress.ip_address(host).is_loopback
    return url.scheme == "http" and host == "localhost"


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """Keep urllib3 from logging what it asks for, which is the secret part of the address."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
