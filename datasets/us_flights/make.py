"""
Flights among the 60 busiest airports: ``npm pack vega-datasets@3.2.1``, then unpack it.

``python make.py package/data`` writes ``us_flights.csv`` and ``airports.csv`` beside itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

N_AIRPORTS = 60


def main(source: Path) -> None:
    """Write both tables."""
    flights = pd.read_csv(source / "flights-airport.csv")
    ends = pd.concat([flights.groupby(end)["count"].sum() for end in ("origin", "destination")])
    total = ends.groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    busiest = total.index[:N_AIRPORTS]
    table = flights.pivot_table("count", "origin", "destination", aggfunc="sum")
    table = table.reindex(index=busiest, columns=busiest).fillna(0).astype(int)
    airports = pd.read_csv(source / "airports.csv").set_index("iata").loc[busiest]
    airports = airports[["name", "city", "state", "latitude", "longitude"]].round(4)
    airports["flights"] = total[busiest]
    here = Path(__file__).parent
    table.to_csv(here / "us_flights.csv", index_label="origin", lineterminator="\n")
    airports.to_csv(here / "airports.csv", index_label="airport", lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
