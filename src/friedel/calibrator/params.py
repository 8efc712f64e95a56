"""Parameters of calibration from pairs."""

from friedel.params import Params, parameter


class CalibrateParams(Params):
    """The detector's place, from the pairs."""

    centre_range_px: float = parameter(10.0, "How far off the centre may be, across the axis.", unit="px", gt=0)
    distance_range: float = parameter(0.06, "How far off the distance may be, as a part of it.", gt=0, lt=0.5)
    rounds: int = parameter(2, "So often are pairs collected anew with the better geometry.", ge=1, le=10)
