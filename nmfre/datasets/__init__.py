"""Data sets of the paper: two ship with the package, two are read from the user's files."""

from nmfre.datasets.inaugural import load_inaugural
from nmfre.datasets.od_flow import load_od_flow
from nmfre.datasets.shipped import load_holzinger_swineford, load_orthodont

__all__ = ["load_holzinger_swineford", "load_inaugural", "load_od_flow", "load_orthodont"]
