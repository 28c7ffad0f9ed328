"""Flights inside the United States: the airports, and which carriers fly between them."""

from __future__ import annotations

import csv
import functools
import gzip
from dataclasses import dataclass

from bookkit import assets


@dataclass(frozen=True)
class Airport:
    """One airport.

    Parameters
    ----------
    code, icao : str
        Its three letters, and its four. The latter begin with its region: K for the mainland, PA
        for Alaska, PH for Hawaii; a few small airports have none.
    name, city : str
    latitude, longitude : float
        Degrees, north and east above 0.
    """

    code: str
    icao: str
    name: str
    city: str
    latitude: float
    longitude: float


@functools.cache
def load_airports() -> dict[str, Airport]:
    """Return the airports by their three letters, those without a flight too.

    Locations: OurAirports, public domain; see NOTICE.

    Raises
    ------
    bookkit.assets.AssetError
        If the file is not in the cache and cannot be downloaded.
    """
    return {
        row["IATA"]: Airport(
            row["IATA"],
            row["ICAO"],
            row["Name"],
            row["City"],
            float(row["Latitude"]),
            float(row["Longitude"]),
        )
        for row in _airport_rows()
    }


@functools.cache
def load_routes() -> tuple[tuple[str, str, str], ...]:
    """Return (carrier, from, to) for each that was flown at least four times in July 2026.

    Flights: U.S. Bureau of Transportation Statistics, public domain; see NOTICE. Small carriers do
    not report, and are missing.

    Raises
    ------
    bookkit.assets.AssetError
        If the file is not in the cache and cannot be downloaded.
    """
    code = {row["AirportID"]: row["IATA"] for row in _airport_rows()}
    with gzip.open(assets.fetch("flight-routes"), "rt", encoding="utf-8", newline="") as file:
        return tuple(
            (row["Airline"], code[row["SourceID"]], code[row["DestinationID"]])
            for row in csv.DictReader(file)
        )


@functools.cache
def _airport_rows() -> tuple[dict, ...]:
    with open(assets.fetch("airports"), encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def links_of(routes) -> list[tuple[str, str, float]]:
    """Return directed links (from, to, number of carriers), in the order of the codes.

    Examples
    --------
    >>> links_of([("AS", "SEA", "ANC"), ("DL", "SEA", "ANC"), ("AS", "ANC", "SEA")])
    [('ANC', 'SEA', 1.0), ('SEA', 'ANC', 2.0)]
    """
    carriers: dict[tuple[str, str], set] = {}
    for carrier, start, end in routes:
        carriers.setdefault((start, end), set()).add(carrier)
    return [(start, end, float(len(found))) for (start, end), found in sorted(carriers.items())]
