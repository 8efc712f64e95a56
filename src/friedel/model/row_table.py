"""Tables as scripts and notebooks take them: row by row, or as a pandas DataFrame."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray


class RowTable:
    """What every table can do that has `flat_columns`.

    `for row in table` gives a mapping a row, which is what `pandas.DataFrame(table)` takes too.
    """

    __slots__ = ()

    def flat_columns(self) -> Mapping[str, AnyArray]:
        """One array (n) a column; vectors are columns with endings, as in an exported table."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[dict[str, Any]]:
        columns = self.flat_columns()
        for values in zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True):
            yield dict(zip(columns, values, strict=True))

    def to_pandas(self) -> Any:
        """The same columns as a pandas DataFrame. Raises `FriedelError` where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise FriedelError("to_pandas", rule="needs pandas", way_out="pip install pandas") from error
        return pandas.DataFrame(dict(self.flat_columns()))


def row_of(columns: Mapping[str, AnyArray], row: int, length: int) -> dict[str, Any]:
    """One row of columns, counted from the end where it is negative. Raises `IndexError` beyond the table."""
    if not -length <= row < length:
        raise IndexError(f"row {row} of a table of {length}")
    return {name: values[row] for name, values in columns.items()}
