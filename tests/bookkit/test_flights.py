"""Airports and flights: whole, joined by their numbers, and counted by carriers."""

from collections import Counter

from bookkit import flights


def test_every_route_joins_two_airports_that_are_there():
    airports, routes = flights.load_airports(), flights.load_routes()
    assert (len(airports), len(routes)) == (514, 9161)
    assert {code for _, *ends in routes for code in ends} <= set(airports)
    assert len(set(routes)) == len(routes)
    assert len({carrier for carrier, _, _ in routes}) == 12


def test_places_are_in_degrees_and_regions_in_the_four_letters():
    airports = flights.load_airports()
    assert airports["ANC"].city == "Anchorage" and airports["ANC"].icao == "PANC"
    assert abs(airports["ANC"].latitude - 61.17) < 0.1
    assert abs(airports["ANC"].longitude + 150) < 0.1
    # Names that hold commas and quotes do not shift a row.
    assert all(
        -15 < a.latitude < 72 and -180 < a.longitude < 180 and len(a.icao) in (0, 4)
        for a in airports.values()
    )


def test_a_link_weighs_as_many_carriers_as_fly_it():
    routes = flights.load_routes()
    links = flights.links_of(routes)
    assert sum(weight for *_, weight in links) == len(routes)
    assert links == sorted(links)
    counted = Counter((start, end) for _, start, end in routes)
    assert {(start, end): weight for start, end, weight in links} == counted


def test_a_carrier_named_twice_counts_once():
    assert flights.links_of([("AS", "SEA", "ANC")] * 2) == [("SEA", "ANC", 1.0)]
