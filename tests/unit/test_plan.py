"""The memory plan: the largest block that fits, or a clear no."""

import psutil
import pytest

from friedel.errors import CapacityError
from friedel.runner.plan import (
    GB,
    MOST_WINDOWS,
    PROGRAM_BYTES,
    SHARE,
    budget,
    check_map_fits,
    plan_blocks,
    usable_memory,
)


def buffer(windows: int) -> int:
    return 100_000_000 + 50_000_000 * windows


def test_plenty_of_memory_gives_the_largest_useful_block():
    plan = plan_blocks(64 * GB, buffer)
    assert plan.windows_per_block == MOST_WINDOWS
    assert plan.buffer_bytes == buffer(MOST_WINDOWS)


@pytest.mark.parametrize("budget_bytes", range(530_000_000, 1_500_000_000, 60_000_000))
def test_what_is_planned_fits(budget_bytes):
    plan = plan_blocks(budget_bytes, buffer)
    assert 1 <= plan.windows_per_block <= MOST_WINDOWS
    assert plan.total_bytes <= budget_bytes
    assert plan.free_bytes == budget_bytes - plan.total_bytes


def test_more_memory_never_gives_a_smaller_block():
    sizes = [plan_blocks(b, buffer).windows_per_block for b in range(530_000_000, 2 * GB, 10_000_000)]
    assert sizes == sorted(sizes)


def test_too_little_memory_is_refused_with_the_amount_that_suffices():
    with pytest.raises(CapacityError, match=r"run\.memory_gb: .* at least 0\.53 GB .*got 0\.50 GB"):
        plan_blocks(GB // 2, buffer)
    assert plan_blocks(530_000_000, buffer).windows_per_block == 1
    assert PROGRAM_BYTES + buffer(1) == 530_000_000


def test_the_amount_named_in_the_refusal_is_rounded_up():
    with pytest.raises(CapacityError, match=r"at least 0\.54 GB"):
        plan_blocks(GB // 2, lambda m: buffer(m) + 1)


def test_the_recipe_decides_or_else_seventy_per_cent():
    assert budget(2.5, 100 * GB) == 2_500_000_000
    assert budget(0, 100 * GB) == int(SHARE * 100 * GB)


def test_the_limit_of_a_job_counts_wherever_it_is_set(tmp_path):
    total = int(psutil.virtual_memory().total)
    own = tmp_path / "own"
    own.write_text("0::/slurm/job_7/step_0\n")
    groups = tmp_path / "groups"
    (groups / "slurm" / "job_7" / "step_0").mkdir(parents=True)
    (groups / "slurm" / "job_7" / "step_0" / "memory.max").write_text("max\n")
    assert usable_memory(groups, own) == total
    (groups / "slurm" / "job_7" / "memory.max").write_text("123456789\n")
    assert usable_memory(groups, own) == 123456789


def test_the_limit_of_the_older_kind_of_group_counts(tmp_path):
    own = tmp_path / "own"
    own.write_text("12:cpu:/x\n5:memory:/job\n")
    (tmp_path / "memory" / "job").mkdir(parents=True)
    (tmp_path / "memory" / "job" / "memory.limit_in_bytes").write_text("200000000")
    assert usable_memory(tmp_path, own) == 200000000


def test_a_machine_without_groups_has_its_own_memory(tmp_path):
    assert usable_memory(tmp_path, tmp_path / "none") == int(psutil.virtual_memory().total)


def test_a_map_that_does_not_fit_is_refused_before_anything_runs():
    check_map_fits((400.0, 400.0, 300.0), 3.5, 8 * GB)
    with pytest.raises(CapacityError, match=r"the map: 4\.8e\+25 voxels of 1e-06 um must fit into 8\.00 GB"):
        check_map_fits((400.0, 400.0, 300.0), 1e-6, 8 * GB)
    check_map_fits(
        (0.0, 0.0, 0.0), 1.0, GB
    )  # a sample that is seen by its absorption: at most the detector's field
