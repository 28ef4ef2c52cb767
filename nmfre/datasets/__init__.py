"""Data sets: some ship with the package, two of the paper are read from the user's files."""

from nmfre.datasets.inaugural import load_inaugural
from nmfre.datasets.od_flow import load_od_flow
from nmfre.datasets.shipped import (
    load_holzinger_swineford,
    load_orthodont,
    load_state_of_the_union,
    load_us_airports,
    load_us_flights,
)

__all__ = [
    "load_holzinger_swineford",
    "load_inaugural",
    "load_od_flow",
    "load_orthodont",
    "load_state_of_the_union",
    "load_us_airports",
    "load_us_flights",
]
