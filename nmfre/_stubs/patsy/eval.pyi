from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

class VarLookupDict(dict[str, Any]):
    def __init__(self, dicts: Sequence[Mapping[str, Any] | pd.DataFrame]) -> None: ...
