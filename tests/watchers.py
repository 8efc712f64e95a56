"""Watchers of long work, for tests."""


class Heard:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def begin(self, name: str, total: int, unit: str) -> None:
        """Remembers it."""
        self.told.append((name, total, unit))

    def reach(self, done: int) -> None:
        """Remembers it."""
        self.told.append(done)

    def end(self) -> None:
        """Remembers it."""
        self.told.append("end")

    @property
    def whole(self) -> list[str]:
        """Names of the pieces of work that were told from their beginning to all of their units, in order."""
        names = []
        for i, told in enumerate(self.told):
            if isinstance(told, tuple):
                rest = self.told[i + 1 : self.told.index("end", i)]
                if rest == list(range(1, told[1] + 1)):
                    names.append(told[0])
        return names
