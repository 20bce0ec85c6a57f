"""A fake of the Azure Retail Prices API: pages in its documented form, with made-up prices."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.web_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator


def row(sku: str, price: float, kind: str = "", **more: Any) -> dict[str, Any]:
    """A row for a Linux machine, with all that a real one has.

    `kind` is "" (regular), " Spot" or " Low Priority"."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "westeurope",
        "location": "EU West",
        "effectiveStartDate": "2026-01-01T00:00:00Z",
        "meterId": "00000000-0000-0000-0000-000000000000",
        "meterName": sku.removeprefix("Standard_").replace("_", " ") + kind,
        "productId": "DZH000000000",
        "skuId": "DZH000000000/0000",
        "productName": "Virtual Machines Dsv5 Series",
        "skuName": sku + kind,
        "serviceName": "Virtual Machines",
        "serviceId": "DZH000000001",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": sku,
    } | more


@dataclass
class FakeRetailPrices:
    """The server, and what it answers.

    Attributes:
        url: where it listens.
        pages: the rows of each page.
        asked: the query of each request.
        answer: sent in the place of a page, if there is one.
        status: of the answers.
        next_link: to which the last page leads, if anywhere.
        silent: whether it never answers.
    """

    url: str = ""
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    answer: bytes | None = None
    status: int = 200
    next_link: str | None = None
    silent: bool = False
    over: Event = field(default_factory=Event)

    def page(self, query: dict[str, str]) -> bytes:
        if self.answer is not None:
            return self.answer
        number = int(query.get("$skip", 0))
        more = number + 1 < len(self.pages)
        return json.dumps(
            {
                "BillingCurrency": "USD",
                "CustomerEntityId": "Default",
                "CustomerEntityType": "Retail",
                "Items": self.pages[number],
                "NextPageLink": f"{self.url}?$skip={number + 1}" if more else self.next_link,
                "Count": len(self.pages[number]),
            }
        ).encode()


@contextlib.contextmanager
def running_fake() -> Iterator[FakeRetailPrices]:
    """A server that listens meanwhile."""
    fake = FakeRetailPrices()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()}
            fake.asked.append(query)
            if fake.silent:
                fake.over.wait(10)
                return
            self.send_response(fake.status)
            self.end_headers()
            self.wfile.write(fake.page(query))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}/api/retail/prices"
    with serving(server, fake.over):
        yield fake
