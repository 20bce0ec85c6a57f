"""What a node costs an hour: a price file, and how a newer one is fetched from Azure."""

from __future__ import annotations

import datetime as dt
import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.artifacts import atomic_file, write_json
from components.errors import RollcallError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SNAPSHOT: Final = Path(__file__).parent / "azure_prices.json"
"""The prices that come with Rollcall; the file says of what day they are, and where from."""

REFRESHED: Final = Path("runs/prices.json")
"""Where `rollcall prices --refresh` writes, and what is used from then on."""

ENDPOINT: Final = "https://prices.azure.com/api/retail/prices"
API_VERSION: Final = "2023-01-01-preview"
TIMEOUT_S: Final = 30
MOST_PAGES: Final = 20
MOST_BYTES: Final = 10_000_000
"""Of a page; a thousand rows, the most there are in one, take about 700 KB."""

OLD_DAYS: Final = 90

Money = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Price(BaseModel):
    """What a node of one size costs an hour.

    Attributes:
        regular: pay as you go.
        spot: at the most that is asked for now; None where it is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    regular: Money
    spot: Money | None


class PriceList(BaseModel):
    """A price file.

    Attributes:
        region: as Azure writes it, e.g. westeurope.
        currency: three letters.
        date: on which the prices held.
        source: where they are from, so that somebody can look.
        per_hour: a node's size (SKU) -> its price. Linux, without reservation or savings plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str = Field(min_length=1)
    currency: str = Field(pattern="^[A-Z]{3}$")
    date: dt.date
    source: str = Field(min_length=1)
    per_hour: dict[str, Price] = Field(min_length=1)

    def price_of(self, sku: str) -> Price:
        """The price of a node's size.

        Raises:
            RollcallError: the file has none.
        """
        if sku not in self.per_hour:
            raise RollcallError(
                f"the price file has no {sku}, only {', '.join(sorted(self.per_hour))}: "
                "run rollcall prices --refresh, or name another file with --prices"
            )
        return self.per_hour[sku]

    def is_old(self, today: dt.date) -> bool:
        """Whether it is older than 90 days. Spot prices move every month."""
        return (today - self.date).days > OLD_DAYS


def read_prices(path: Path) -> PriceList:
    """Read a price file.

    Raises:
        RollcallError: it is not there, or not as it has to be; the message says where.
    """
    try:
        return PriceList.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RollcallError(f"there is no price file at {path}: {error.strerror}") from error
    except ValidationError as error:
        raise RollcallError(f"{path} is no price file: {_explain(error)}") from error


def current_prices() -> Path:
    """The refreshed price file if there is one, else the one that comes with Rollcall."""
    return REFRESHED if REFRESHED.exists() else SNAPSHOT


def write_prices(prices: PriceList, path: Path) -> None:
    """Write a price file, whole or not at all."""
    with atomic_file(path) as temporary:
        write_json(temporary, prices.model_dump(mode="json"))


class _Row(BaseModel):
    """What is read of a row of Azure's answer."""

    currencyCode: str  # noqa: N815 - as Azure writes them
    retailPrice: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # noqa: N815
    armRegionName: str  # noqa: N815
    armSkuName: str  # noqa: N815
    productName: str  # noqa: N815
    skuName: str  # noqa: N815
    unitOfMeasure: str  # noqa: N815
    type: str

    @property
    def counts(self) -> bool:
        """An hour of a Linux machine; Cloud Services and low priority are other products."""
        return (
            self.type == "Consumption"
            and self.unitOfMeasure == "1 Hour"
            and self.productName.startswith("Virtual Machines ")
            and not self.productName.endswith(" Windows")
            and not self.skuName.endswith(" Low Priority")
            and self.retailPrice > 0
        )


class _Page(BaseModel):
    Items: list[_Row]
    NextPageLink: str | None = None


def fetch_prices(skus: Sequence[str], region: str, currency: str) -> PriceList:
    """Ask the Azure Retail Prices API, which needs no account.

    It is described at learn.microsoft.com/rest/api/cost-management/retail-prices.

    Args:
        skus: sizes of nodes, e.g. Standard_D4s_v5.
        region: e.g. westeurope.
        currency: three letters. Microsoft sets prices in USD and says that others are estimates.

    Raises:
        RollcallError: there is no answer, it is not of the documented form, or it has no price or
            two. A size that is not offered there is left out if another is.
    """
    regular: dict[str, float] = {}
    spot: dict[str, float] = {}
    for row in _rows(_address(skus, region, currency)):
        if (row.armRegionName, row.currencyCode) != (region, currency):
            raise RollcallError(
                f"asked for prices in {region} and {currency}, Azure answered with "
                f"{row.armRegionName} and {row.currencyCode}: check --region and --currency"
            )
        if row.counts and row.armSkuName in skus:
            kind = spot if row.skuName.endswith(" Spot") else regular
            if kind.setdefault(row.armSkuName, row.retailPrice) != row.retailPrice:
                raise RollcallError(f"Azure names two prices for {row.skuName} in {region}")
    if not regular:
        raise RollcallError(
            f"Azure names no price in {region}: is it spelt as `az account list-locations` does?"
        )
    return PriceList(
        region=region,
        currency=currency,
        date=dt.datetime.now(dt.UTC).date(),
        source=ENDPOINT,
        per_hour={
            sku: Price(regular=regular[sku], spot=spot.get(sku)) for sku in skus if sku in regular
        },
    )


def _address(skus: Sequence[str], region: str, currency: str) -> str:
    sizes = " or ".join(f"armSkuName eq '{sku}'" for sku in skus)
    query = {
        "api-version": API_VERSION,
        "currencyCode": f"'{currency}'",
        "$filter": f"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' "
        f"and armRegionName eq '{region}' and ({sizes})",
    }
    return f"{ENDPOINT}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}"


def _rows(address: str) -> Iterator[_Row]:
    """The rows of all pages; a link that leads to another host is not followed."""
    here = urllib.parse.urlsplit(address)
    for _ in range(MOST_PAGES):
        page = _page(address)
        yield from page.Items
        if not page.NextPageLink:
            return
        address = page.NextPageLink
        there = urllib.parse.urlsplit(address)
        if (there.scheme, there.hostname) != (here.scheme, here.hostname):
            raise RollcallError(f"Azure's answer goes on at {there.hostname}: not followed")
    raise RollcallError(f"Azure's answer has more than {MOST_PAGES} pages: name fewer sizes")


def _page(address: str) -> _Page:
    try:
        # https, or what a test names: the scheme of what is followed is checked in _rows
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310
            content = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise RollcallError(
            f"no prices from {urllib.parse.urlsplit(address).hostname}: {error}. Try again later, "
            "or use a price file: rollcall cost --prices FILE"
        ) from error
    if len(content) > MOST_BYTES:
        raise RollcallError(f"Azure's answer is larger than {MOST_BYTES} bytes: name fewer sizes")
    try:
        return _Page.model_validate(json.loads(content))
    except ValueError as error:  # ValidationError is one
        told = _explain(error) if isinstance(error, ValidationError) else str(error)
        raise RollcallError(f"Azure's answer is not of the documented form: {told}") from error


def _explain(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
