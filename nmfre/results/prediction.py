"""Prediction for the units of the data and for new ones."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
from numpy.typing import ArrayLike

from nmfre.arguments import check_choice, known_arguments
from nmfre.errors import InvalidArgumentError
from nmfre.results.base import BaseResults

Which = Literal["fixed", "blup"]


class PredictionResults(BaseResults):
    """Fixed-effect means and BLUPs."""

    @known_arguments
    def predict(
        self, exog: pd.DataFrame | ArrayLike | None = None, *, which: Which = "fixed"
    ) -> Any:
        """
        Fixed-effect means X Theta a, or the BLUP fit of the units of the data.

        Parameters
        ----------
        exog : DataFrame or array_like, (M, K), optional
            Covariates of new units. With a formula: a DataFrame with the variables of the
            formula. Without: columns are matched by name in a DataFrame, by position in an array.
            Default: the units of the data.
        which : {"fixed", "blup"}
            "blup" adds the random effects, which only the units of the data have.

        Returns
        -------
        DataFrame, (M, P)
            A lazy one of dask for the units of data in chunks, or for new ones in chunks.

        Raises
        ------
        MissingColumnError, UnseenLevelError, NonFiniteError, ShapeError, InvalidArgumentError

        Examples
        --------
        >>> import nmfre
        >>> import pandas as pd
        >>> orthodont = nmfre.datasets.load_orthodont()
        >>> model = nmfre.NMFRE.from_formula(
        ...     "distance ~ sex", data=orthodont, unit="subject", occasion="age", rank=1
        ... )
        >>> model.fit(df_cap=0.21).predict(pd.DataFrame({"sex": ["Female", "Male"]})).round(2)
        age     8      10     12     14
        0    20.88  21.80  23.22  24.59
        1    23.06  24.07  25.64  27.15
        """
        check_choice("which", which, Which)
        if which == "blup":
            if exog is not None:
                raise InvalidArgumentError(
                    name="which", value=which, allowed="'fixed' where new covariates are given"
                )
            return self.fittedvalues
        if exog is None:
            A, units = self.model.design.A, self.model.design.units
        else:
            A, units = self.model.design.covariates_of(exog)
        return self._responses(self.estimate.Theta @ A, units)
