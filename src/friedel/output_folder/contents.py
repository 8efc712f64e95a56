"""Whether the files of an output folder hold what the run left in them: by their hashes, each read once."""

from pathlib import Path

from friedel.output_folder.files import RECORD, UNREAD
from friedel.output_folder.record import Output, output_of


class Contents:
    """The contents of a folder's files. A file is read again only when the system says that it was written to."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._known: dict[tuple[str, int, int, int, int], Output] = {}

    def holds(self, file: str, expected: Output) -> bool:
        """Whether a file holds what it did when it was recorded: what a run asks before it uses a file.

        Of results that no stage reads (`UNREAD`) a glance is enough.
        """
        return self.seems_to_hold(file, expected) if file in UNREAD else self.surely_holds(file, expected)

    def seems_to_hold(self, file: str, expected: Output) -> bool:
        """The same at a glance: a file is read only if it was written to after `run.json`."""
        try:
            state, record = (self._out / file).stat(), (self._out / RECORD).stat()
        except OSError:
            return False
        written, recorded = max(state.st_mtime_ns, state.st_ctime_ns), min(record.st_mtime_ns, record.st_ctime_ns)
        if state.st_size == expected.bytes and written < recorded:
            return True
        return self.surely_holds(file, expected)

    def surely_holds(self, file: str, expected: Output) -> bool:
        """The same, whatever the system says: every byte has been read."""
        path = self._out / file
        try:
            state = path.stat()
            if state.st_size != expected.bytes:
                return False
            key = (file, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
            if key not in self._known:
                self._known[key] = output_of(path)
        except OSError:
            return False
        return self._known[key] == expected
