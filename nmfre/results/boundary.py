"""Effects held at 0 that a score test finds to be negative, and the warning of them."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import TypeVar

import numpy as np
from scipy import stats

from nmfre.core.caller import warn
from nmfre.core.findings import Finding, listed
from nmfre.data.design import Design
from nmfre.errors import BoundaryWarning
from nmfre.results.fit import Fit

FitT = TypeVar("FitT", bound=Fit)
LEVEL = 0.025
"""Level of the one-sided test that calls an effect at its boundary negative, over all of these."""
TREATMENT = re.compile(r"(?P<factor>[^:]+)\[T\.(?P<level>[^:]+)\]")
"""How patsy names the column of a level, in the coding that has a reference level."""
CATEGORICAL = re.compile(r"C\((?P<variable>[^,()]+)\s*[,)]")


def negative_effects(fit: Fit) -> list[Finding]:
    """
    The problem that effects are shown as 0 which a score test finds to be negative.

    Without those whose zero is needed to identify the components, as these have no other value.
    """
    inference, model = fit.inference, fit.model
    z = np.where(np.isnan(inference.score_z), 0.0, inference.score_z)
    needed = getattr(fit.estimate, "identification", None)
    if needed is not None:
        z = np.where(needed.by_bounds, 0.0, z)
    clearly = stats.norm.ppf(LEVEL / max(int(inference.at_bound.sum()), 1))  # Bonferroni
    found = np.flatnonzero(z <= clearly)
    if not len(found):
        return []
    found = found[np.argsort(z[found], kind="stable")]
    names = listed(f"{model.data.param_names[i]} (z = {z[i]:.2f})" for i in found)
    several = len(found) > 1
    one = (
        f"{names} {'are' if several else 'is'} held at 0, but the score test says that "
        f"{'these effects are' if several else 'this effect is'} negative. P-values near 1 do not "
        f"mean that there is no effect. Use {fit.estimate.signed_remedy}"
    )
    covariates = [model.exog_names[i // model.rank] for i in found]
    text = f"{one}, or {_recoded(model.design, covariates)}."
    return [Finding("problem", "negative effects", f"NEGATIVE EFFECTS: {text}", text)]


def warned_of_negative(fit: FitT) -> FitT:
    """A fit, after warning of them."""
    for found in negative_effects(fit):
        warn(found.text, BoundaryWarning)
    return fit


def _recoded(design: Design, covariates: list[Hashable]) -> str:
    """The remedy that keeps effects >= 0, for the first covariate that has a reference level."""
    for covariate in map(str, covariates):
        match = TREATMENT.fullmatch(covariate)
        if match is not None and design.right_hand_side is not None:
            factor = match["factor"]
            own = CATEGORICAL.match(factor)
            variable = factor if own is None else own["variable"].strip()
            level = _level(design, factor, match["level"])
            return f"another reference level: C({variable}, Treatment({level}))"
    return "reverse the covariate"


def _level(design: Design, factor: str, name: str) -> str:
    """A level as it is written in a formula; as text where the data do not say what it is."""
    right = design.right_hand_side
    if right is not None and right.restored:
        for known, info in right.design_info.factor_infos.items():
            for level in info.categories or () if known.name() == factor else ():
                if str(level) == name:
                    plain = level.item() if isinstance(level, np.generic) else level
                    return _quoted(plain) if isinstance(plain, str) else repr(plain)
    return _quoted(name)


def _quoted(text: str) -> str:
    return repr(text) if '"' in text else f'"{text}"'
