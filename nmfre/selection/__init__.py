"""Choice of the rank: cross-validation over entries or units, AIC and BIC."""

from nmfre.selection.rank import select_rank
from nmfre.selection.result import RankSelection

__all__ = ["RankSelection", "select_rank"]
