"""What to know about a fit before trusting it: found once, and shown by the summary and check()."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "caution", "note"]
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A piece of advice on a fit, its inference or its data.

    Attributes
    ----------
    severity : {"problem", "caution", "note"}
        "problem": do not use the numbers concerned. "caution": interpret them with care. "note":
        for information.
    topic : str
    short : str or None
        Text for the notes of the summary; None if it is not among them.
    text : str
        Text for `nmfre.NMFREResults.check` and warnings: what was found, and what to do.
    components, params, responses, covariates : sequence of int
        Positions of those whose names replace ``{names}`` in the texts.
    """

    severity: Severity
    topic: str
    short: str | None
    text: str
    components: Sequence[int] = ()
    params: Sequence[int] = ()
    responses: Sequence[int] = ()
    covariates: Sequence[int] = ()

    def named(
        self,
        components: Sequence[object],
        params: Sequence[str],
        responses: Sequence[object] = (),
        covariates: Sequence[object] = (),
    ) -> Finding:
        """
        The same finding with names in its texts.

        Parameters
        ----------
        components, params, responses, covariates : sequence
            All names, in order.

        Returns
        -------
        Finding
        """
        if not (self.components or self.params or self.responses or self.covariates):
            return self
        names = listed(
            [
                *(params[i] for i in self.params),
                *(responses[i] for i in self.responses),
                *(covariates[i] for i in self.covariates),
            ]
        )
        if self.components:
            names = ", ".join(str(components[i]) for i in self.components)
        short = None if self.short is None else self.short.format(names=names)
        text = self.text.format(names=names)
        return Finding(self.severity, self.topic, short, text)


def listed(names: Iterable[object]) -> str:
    """The first few names, and how many more there are."""
    shown = list(map(str, names))
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
