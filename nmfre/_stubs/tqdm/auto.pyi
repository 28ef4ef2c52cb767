from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

class tqdm(Generic[T]):
    def __init__(
        self,
        iterable: Iterable[T],
        desc: str = ...,
        total: int = ...,
        initial: int = ...,
        disable: bool = ...,
    ) -> None: ...
    def __iter__(self) -> Iterator[T]: ...
