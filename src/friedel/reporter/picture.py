"""One finished figure: as it stands in the page, and as a file of its own."""

import base64
from typing import Literal, NamedTuple


class Picture(NamedTuple):
    """`svg` is for the page, whose colours it takes; `file` is the same in ink on paper, of type `kind`."""

    svg: str
    file: bytes
    kind: Literal["svg", "png"]

    @property
    def address(self) -> str:
        """The file as an address that needs no network."""
        mime = {"svg": "image/svg+xml", "png": "image/png"}[self.kind]
        return f"data:{mime};base64,{base64.b64encode(self.file).decode()}"
