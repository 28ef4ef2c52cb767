from collections.abc import Callable

from nmfre.core.typing import FloatArray

def approx_hess(x: FloatArray, f: Callable[[FloatArray], float]) -> FloatArray: ...
