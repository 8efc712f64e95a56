"""The networks of the 2D median, on everything that they can meet."""

import numpy as np
import pytest

from friedel.kernels.preprocess.sorting_networks import BOTH, GREATER, LESSER, column_plan, square_plan


def carried_out(plan, values):
    """The exchanges among rows of zeros and ones (packed in bits); what is not needed is left as it was."""
    for low, high, needed in plan:
        lesser, greater = values[low] & values[high], values[low] | values[high]
        if needed in {BOTH, LESSER}:
            values[low] = lesser
        if needed in {BOTH, GREATER}:
            values[high] = greater
    return values


@pytest.mark.parametrize("size", [3, 5, 7])
def test_all_zeros_and_ones_are_sorted_in_a_column_so_all_values_are(size):
    ones = np.indices((2,) * size).reshape(size, -1)
    values = carried_out(column_plan(size), list(ones.astype(bool)))
    np.testing.assert_array_equal(values, np.sort(ones, axis=0))


@pytest.mark.parametrize("size", [3, 5, 7])
def test_the_median_of_every_square_of_zeros_and_ones_with_sorted_columns_is_found_so_of_all_values(size):
    ones = np.indices((size + 1,) * size, dtype=np.int8).reshape(size, -1)
    values = [np.packbits(ones[c] >= size - r) for r in range(size) for c in range(size)]
    plan, place = square_plan(size)
    median = carried_out(plan, values)[place]
    np.testing.assert_array_equal(median, np.packbits(ones.sum(axis=0) > size * size // 2))
