"""What a run would say of beam, margin and normalisation, while somebody still looks for them."""

import threading
from dataclasses import dataclass

from friedel.errors import FriedelError, InputError
from friedel.explorer.pass_inputs import ScanAndRecipe
from friedel.model.scan import Scan
from friedel.preprocess.first_look import FirstLook
from friedel.preprocess.params import PreprocessParams

FORGET_S = 120.0
"""So long after the last question the frames are kept: the 32 of a large detector take a quarter of a gigabyte."""


@dataclass(frozen=True, slots=True)
class Told:
    """Why a run would refuse ("" where it would not), and what it would warn of."""

    refused: str = ""
    warnings: tuple[str, ...] = ()


class LightCheck:
    """Asks a few frames of the scan, read once, as a run does. Safe for several threads."""

    def __init__(self, source: ScanAndRecipe) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._known: tuple[Scan, FirstLook] | None = None
        self._timer: threading.Timer | None = None

    def __call__(self, params: PreprocessParams) -> Told:
        """With these parameters. Raises `FriedelError`s where the scan is not there or cannot be read."""
        with self._lock:
            look = self._look()
        try:
            return Told(warnings=look.with_params(params).of_light)
        except InputError as error:
            return Told(str(error))

    def forget(self) -> None:
        """Let go of the frames."""
        with self._lock:
            self._known = None
            if self._timer is not None:
                self._timer.cancel()

    def _look(self) -> FirstLook:
        with self._source.lock:
            scan = self._source.scan
        if scan is None:
            raise FriedelError("the scan", rule="is not there to be looked at")
        if self._known is None or not _same(self._known[0], scan):
            self._known = scan, FirstLook.at(scan, self._source.executor)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(FORGET_S, self.forget)
        self._timer.daemon = True
        self._timer.start()
        return self._known[1]


def _same(one: Scan, other: Scan) -> bool:
    """Whether they are one scan with one mask: what is edited is another object."""
    return one.frames is other.frames and one.mask is other.mask and one.dark is other.dark
