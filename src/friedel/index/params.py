"""What a user can set about indexing."""

from friedel.params import Params, parameter


class IndexParams(Params):
    """Blob sets per grain. Tolerances come from the data: these only scale them."""

    tolerance: float = parameter(
        3.5, "How far a blob may be from its predicted place, in robust standard errors.", gt=0, le=20
    )
    min_pairs: int = parameter(4, "Pairs that must agree on a crystal before its spots are looked for.", ge=3)
    min_sin_eta: float = parameter(
        0.1, "Spots nearer to the rotation axis than this |sin eta| are used but not expected.", ge=0.02, le=1
    )
    chance: float = parameter(
        0.01, "Accepted risk that one grain of the whole map is there by chance.", gt=0, le=0.5
    )
    exclude: tuple[tuple[float, float, float, float], ...] | None = parameter(
        None,
        "Boxes [col0, row0, col1, row1] where no spot is expected; left out: the box that cut blobs outline.",
        unit="px",
    )
    strain: bool = parameter(False, "Whether the elastic strain of each grain is fitted as well.")
