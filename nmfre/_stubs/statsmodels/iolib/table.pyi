from collections.abc import Sequence

class Cell:
    data: object

class Row(list[Cell]):
    datatype: str

class SimpleTable(list[Row]):
    title: str | None
    def __init__(
        self,
        data: Sequence[Sequence[str]],
        headers: Sequence[str] | None = ...,
        stubs: Sequence[str] | None = ...,
        title: str | None = ...,
    ) -> None: ...
    def as_html(self) -> str: ...
    def as_latex_tabular(self, center: bool = ...) -> str: ...
    def as_text(self) -> str: ...
    def as_csv(self) -> str: ...
