from collections.abc import Mapping, Sequence
from typing import Any

default_latex_fmt: dict[str, Any]

class Cell:
    data: object

class Row(list[Cell]): ...

class SimpleTable(list[Row]):
    title: str | None
    def __init__(
        self,
        data: Sequence[Sequence[str]],
        headers: Sequence[str] | None = ...,
        stubs: Sequence[str] | None = ...,
        title: str | None = ...,
        txt_fmt: Mapping[str, object] | None = ...,
        ltx_fmt: Mapping[str, object] | None = ...,
    ) -> None: ...
    def as_html(self, **formats: object) -> str: ...
    def as_latex_tabular(self, center: bool = ..., **formats: object) -> str: ...
    def as_text(self, **formats: object) -> str: ...
