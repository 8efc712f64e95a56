"""Frames for the screen, the last ones kept, and the neighbours of the one that is looked at made ahead."""

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from friedel.errors import FriedelError
from friedel.explorer.display import ScaledArray, clean_image, count_image, fewer_pixels, limits
from friedel.explorer.scan_pass import ScanPass
from friedel.model.arrays import AnyArray
from friedel.model.baseline import Baseline
from friedel.model.scan import Scan

Key = tuple[str, int, int]
ROOM_BYTES = 160_000_000
_LOW_SIGMAS, _HIGH_SIGMAS = -3.0, 25.0


class Pictures:
    """Frames in few bytes by kind, number and step; safe for several threads, each is made once at a time."""

    def __init__(self, scan_pass: ScanPass, room_bytes: int = ROOM_BYTES) -> None:
        self._pass = scan_pass
        self._room = room_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, ScaledArray] = OrderedDict()
        self._making: dict[Key, Future[ScaledArray]] = {}
        self._bytes = 0
        self._of: object = None
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="friedel-picture")
        self._wanted: tuple[Key, ...] = ()
        self._last = -1
        self._contrast: dict[str, tuple[float, float]] = {}

    def get(self, kind: str, index: int, step: int) -> ScaledArray:
        """A frame of a kind (raw, background or clean) as it is sent. Raises `FriedelError`s."""
        picture = self._picture((kind, index, step))
        self._look_ahead(kind, index, step)
        return picture

    def close(self) -> None:
        """Make nothing ahead any more."""
        self._wanted = ()
        self._ahead.shutdown(wait=False, cancel_futures=True)

    def _picture(self, key: Key) -> ScaledArray:
        with self._lock:
            self._forget_old()
            held = self._held.get(key)
            if held is not None and not (held.meta.get("preview") and self._now_exact(key)):
                self._held.move_to_end(key)
                return held
            making = self._making.get(key)
            mine = making is None
            if making is None:
                making = self._making[key] = Future()
        if not mine:
            return making.result()
        try:
            picture = self._make(key)
        except BaseException as error:
            making.set_exception(error)
            raise
        else:
            making.set_result(picture)
            self._keep(key, picture)
            return picture
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _now_exact(self, key: Key) -> bool:
        return self._pass.exact(key[1], key[1] + 1)

    def _forget_old(self) -> None:
        """Pictures of other parameters (with the lock)."""
        scan = self._pass.source.scan
        now = (scan and scan.fingerprint, self._pass.scan_state)
        if now != self._of:
            self._held.clear()
            self._contrast.clear()
            self._bytes, self._of = 0, now

    def _keep(self, key: Key, picture: ScaledArray) -> None:
        with self._lock:
            old = self._held.pop(key, None)
            self._bytes += picture.nbytes - (old.nbytes if old is not None else 0)
            self._held[key] = picture
            while self._bytes > self._room and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes

    def _look_ahead(self, kind: str, index: int, step: int) -> None:
        """The next frames in the direction of the last step first, then the one before."""
        on = -1 if self._last - index in (1, 2) else 1
        self._last = index
        count = self._scan().shape[0]
        wanted = tuple((kind, k, step) for k in (index + on, index - on, index + 2 * on) if 0 <= k < count)
        self._wanted = wanted
        for key in wanted:
            if key not in self._held:
                try:
                    self._ahead.submit(self._make_ahead, key)
                except RuntimeError:  # the server is ending
                    return

    def _make_ahead(self, key: Key) -> None:
        if key not in self._wanted or key in self._held:
            return
        try:
            self._picture(key)
        except (FriedelError, OSError, MemoryError):
            return  # whoever asks for it hears why

    def _make(self, key: Key) -> ScaledArray:
        kind, index, step = key
        image, quantum, meta = self._image(kind, index)
        low, high = self._limits(kind, image)
        if step > 1:
            image = fewer_pixels(image, step, brightest=kind == "clean")
        about = {**meta, "kind": kind, "index": index, "step": step, "low": low, "high": high}
        if kind == "clean":
            return clean_image(image, quantum, **about)
        return count_image(image, quantum if step == 1 else None, **about)

    def _image(self, kind: str, index: int) -> tuple[AnyArray, float | None, dict[str, bool]]:
        """An image, its steps in counts where it has such, and whether it is a preview."""
        scan = self._scan()
        if kind == "raw":
            return scan.frames.read(index, index + 1)[0], None, {"preview": False}
        scan_state = self._pass.known()
        preview = not scan_state.exact(index, index + 1)
        if kind == "background":
            quantum = None if preview else scan_state.quantum
            return scan_state.cleaner.background(index), quantum, {"preview": preview}
        block = scan_state.block(index, index + 1)
        return block.frames[0], scan_state.quantum, {"preview": preview, "stand_in": bool(block.replaced[0])}

    def _scan(self) -> Scan:
        scan = self._pass.source.scan
        if scan is None:
            raise FriedelError("frames", rule="there is no scan to look at")
        return scan

    def _limits(self, kind: str, image: AnyArray) -> tuple[float, float]:
        """Ends of the grey scale: the same for all frames, so that they do not flicker."""
        known = self._contrast.get(kind)
        if known is None:
            baseline = self._pass.baseline
            if kind == "clean" and baseline is not None:
                known = _LOW_SIGMAS * baseline.sigma, _HIGH_SIGMAS * baseline.sigma
            else:
                known = limits(_outside(image, baseline), 1.0, 99.7)
            self._contrast[kind] = known
        return known


def _outside(image: AnyArray, baseline: Baseline | None) -> AnyArray:
    """Pixels outside the direct beam, which would take all of the grey scale."""
    if baseline is None or baseline.beam is None:
        return image
    keep = np.ones(image.shape, np.bool_)
    keep[baseline.beam.slices] = False
    return image[keep]
