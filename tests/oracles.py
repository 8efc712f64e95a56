"""Every kernel beside its slow, obvious twin, and the test that compares them.

A kernel is public where a room other than kernels/ calls it; what it calls in turn is compared along with it.
`tests/unit/test_oracles.py` holds the list to the code: a new public kernel needs a line here.
"""

from typing import NamedTuple


class Twin(NamedTuple):
    """`slow` is the dotted name of the twin, or "" where the test spells out what is expected; `test` compares
    it with all of the `kernels` (module.function)."""

    slow: str
    test: str
    kernels: str


TWINS = (
    Twin(
        "scipy.ndimage.median_filter",
        "unit/test_despeckle.py::test_every_size_and_shape_equals_scipy",
        "despeckle.despeckle",
    ),
    Twin(
        "numpy.median",
        "unit/test_moving_median.py::test_any_window_and_any_width_equals_numpy",
        "moving_median.moving_median_uint16",
    ),
    Twin(
        "numpy.median",
        "unit/test_moving_median.py::test_float_windows_equal_numpy",
        "moving_median.median_of_planes",
    ),
    Twin(
        "tests.unit.test_normalise.wanted",
        "unit/test_normalise.py::test_fixed_point_follows_the_documented_order",
        "normalise.normalise_word",
    ),
    Twin(
        "",
        "unit/test_normalise.py::test_the_margin_leaves_out_saturated_and_missing_values",
        "normalise.margin_mean",
    ),
    Twin("", "unit/test_normalise.py::test_a_frame_of_one_value_is_noticed", "normalise.is_constant"),
    Twin("", "unit/test_normalise.py::test_saturated_pixels_are_runs", "normalise.saturated_runs"),
    Twin("", "unit/test_normalise.py::test_void_pixels_are_runs", "normalise.void_runs"),
    Twin(
        "scipy.ndimage.median_filter",
        "unit/test_subtract.py::test_a_word_equals_numpy_and_scipy",
        "subtract.clean_word",
    ),
    Twin(
        "friedel.preprocess.clean_blocks",
        "unit/test_one_frame.py::test_every_frame_equals_the_pass",
        "one_frame.clean_frame",
    ),
    Twin(
        "tests.oracles_segment.Volume",
        "unit/test_components.py::test_components_equal_those_of_a_breadth_first_search",
        "components.link_rows components.unite_runs",
    ),
    Twin(
        "",
        "unit/test_components.py::test_sorting_by_label_is_stable_and_leaves_out_what_has_none",
        "components.sort_by_label",
    ),
    Twin(
        "tests.oracles_segment.double_threshold",
        "property/test_segment_properties.py::test_partition_ledger_and_columns_equal_the_oracle",
        "grow.claim_regions moments.beside_pixels moments.claimed_stretches moments.sort_stretches "
        "moments.spell_out pool.append_runs pool.assign_slots pool.chain_voxels pool.classify pool.drain "
        "pool.join_chains runs.extract_runs runs.pack_values saddles.part_seeds seeds.bright_stretches "
        "seeds.measure_seeds seeds.number_roots watershed.split_regions",
    ),
    Twin(
        "tests.oracles_segment.columns",
        "unit/test_moments.py::test_all_columns_equal_those_of_plain_numpy",
        "moments.measure_blobs",
    ),
    Twin(
        "",
        "unit/test_moments.py::test_saturated_voxels_are_counted_in_the_blobs_that_hold_them",
        "moments.count_marks",
    ),
    Twin("", "unit/test_moments.py::test_blobs_on_frames_that_stand_in_say_so", "moments.on_frames"),
    Twin("", "unit/test_runs.py::test_voxels_beside_what_is_not_a_number_are_marked", "runs.beside_odd"),
    Twin(
        "friedel.segment.bright_voxels",
        "unit/test_viewer_solving.py::test_sifted_voxels_are_those_that_would_have_been_collected",
        "sift.sift_runs",
    ),
    Twin(
        "",
        "unit/test_viewer_outlines.py::test_a_section_along_a_column_has_its_voxels_in_as_few_runs_as_can_be",
        "place_runs.joined_crossings place_runs.place_columns",
    ),
    Twin("", "unit/test_viewer_outlines.py::test_a_section_along_a_row_has_its_voxels", "place_runs.place_runs"),
    Twin("", "unit/test_pixels.py::test_sixteen_bits_are_rounded_and_cut_off", "pixels.to_int16 pixels.to_uint16"),
    Twin(
        "",
        "unit/test_pixels.py::test_fewer_pixels_are_the_mean_or_the_largest_of_a_square",
        "pixels.block_max pixels.block_mean",
    ),
    Twin("", "unit/test_pixels.py::test_the_largest_is_that_of_the_numbers", "pixels.largest"),
    Twin("", "unit/test_runs.py::test_closed_blocks_of_columns_are_told_from_mixed_ones", "runs.block_states"),
    Twin("", "unit/test_runs.py::test_a_float32_reaches_a_float64_floor_exactly", "runs.smallest_float32"),
    Twin("", "unit/test_runs.py::test_what_is_surely_dark_is_below_the_floor", "runs.surely_dark"),
    Twin(
        "tests.oracles_physics.omegas_by_search",
        "unit/test_bragg.py::test_every_angle_that_a_search_finds_is_predicted_and_no_other",
        "bragg.predict",
    ),
    Twin(
        "", "unit/test_bragg.py::test_the_lorentz_factor_is_the_time_in_the_diffraction_condition", "bragg.lorentz"
    ),
    Twin("", "unit/test_bragg.py::test_polarisation_dims_horizontal_beams_only", "bragg.polarisation"),
    Twin(
        "tests.oracles_match.candidates_by_hand",
        "unit/test_pairs.py::test_candidates_equal_those_of_looking_at_every_pair",
        "pairs.find_candidates",
    ),
    Twin(
        "tests.oracles_match.line_by_turning",
        "unit/test_pairs.py::test_lines_equal_those_of_carrying_both_spots_along_with_the_sample",
        "pairs.friedel_lines",
    ),
    Twin("", "unit/test_pairs.py::test_best_first_and_every_spot_once", "pairs.take_best"),
    Twin("numpy.exp", "unit/test_pairs.py::test_scores_of_rings_equal_a_sum_in_numpy", "rings.ring_scores"),
    Twin(
        "tests.oracles_index.true_pairs",
        "property/test_index_properties.py::test_exact_spots_give_exact_grains_on_any_detector",
        "seeds_of_grains.search_seeds line_grid.make_line_grid",
    ),
    Twin(
        "",
        "unit/test_index_kernels.py::test_a_triad_takes_one_pair_of_directions_into_the_other",
        "seeds_of_grains.triad",
    ),
    Twin(
        "friedel.kernels.bragg.predict",
        "unit/test_index_kernels.py::test_predicted_spots_are_those_of_the_prediction_for_everybody",
        "spot_grid.predict_spots",
    ),
    Twin(
        "tests.oracles_fit.nearest_blobs",
        "unit/test_fit.py::test_candidates_equal_those_of_looking_at_all_blobs",
        "spot_grid.candidates spot_grid.make_spot_grid",
    ),
    Twin(
        "tests.oracles_fit.residuals",
        "unit/test_fit.py::test_residuals_equal_predicted_minus_seen",
        "fit.residual_of",
    ),
    Twin(
        "tests.oracles_fit.normal_matrices",
        "unit/test_fit.py::test_normal_equations_equal_those_of_central_differences",
        "fit.normal_equations",
    ),
    Twin(
        "tests.oracles_fit.fitted",
        "unit/test_fit.py::test_a_fit_ends_where_scipy_finds_the_least_cauchy_loss",
        "fit.gauss_newton",
    ),
    Twin(
        "tests.oracles_fit.fitted",
        "unit/test_fit.py::test_a_grain_settles_on_its_nearest_blobs_and_their_fit",
        "fit.settle",
    ),
    Twin("", "unit/test_fit.py::test_a_tally_counts_what_is_expected_free_and_found", "fit.tally"),
    Twin(
        "scipy.spatial.transform.Rotation.from_rotvec",
        "unit/test_index_kernels.py::test_a_small_rotation_is_that_of_scipy",
        "fit.turned",
    ),
    Twin(
        "",
        "unit/test_index_kernels.py::test_blobs_go_to_the_first_claim_and_losers_say_what_they_want",
        "contest.assign contest.lost_claims",
    ),
    Twin(
        "tests.oracles_project.matrix_of",
        "unit/test_project.py::test_both_directions_equal_the_matrix_of_tents",
        "project.forward_columns project.back_columns",
    ),
    Twin("", "unit/test_project.py::test_a_blob_is_summed_over_its_frames", "spot_images.sum_over_frames"),
    Twin("", "unit/test_project.py::test_pixels_beyond_the_detector_are_not_known", "spot_images.beyond"),
    Twin(
        "",
        "unit/test_project.py::test_pixels_that_another_blob_claimed_in_the_same_frames_are_not_known",
        "spot_images.claimed_by_others",
    ),
    Twin(
        "",
        "unit/test_project.py::test_a_detector_without_tilt_is_copied_pixel_by_pixel",
        "spot_images.lay_out",
    ),
    Twin(
        "tests.oracles_physics.image_by_hand",
        "unit/test_simulator_splat.py::test_a_spot_is_its_voxels_each_by_its_own_braggs_law",
        "splat.extents",
    ),
    Twin(
        "friedel.kernels.splat.spot_image",
        "unit/test_simulator_splat.py::test_frames_are_the_sum_of_their_spots",
        "splat.add_spots",
    ),
    Twin(
        "numpy.argwhere",
        "unit/test_simulator_scan.py::test_truth_voxels_are_those_above_the_rule_and_nothing_else",
        "visible.see",
    ),
    Twin(
        "tests.oracles_physics.near_by_hand",
        "unit/test_simulator_splat.py::test_neighbours_are_found_as_by_comparing_all_voxels",
        "visible.near_others",
    ),
    Twin(
        "",
        "unit/test_simulator_noise.py::test_an_exposure_has_offset_gain_read_noise_and_saturation",
        "noise.expose",
    ),
    Twin("", "unit/test_reporter_grains.py::test_rays_meet_a_ball_where_it_is", "solid.look"),
    Twin(
        "", "unit/test_io_chunks.py::test_the_walk_over_blocks_ends_where_the_chunk_does", "lz4_blocks.blocks_fit"
    ),
)

NOTHING_TO_COMPARE = frozenset(
    {"bragg.detector_frame", "contest.nobody", "grow.no_claims", "runs.empty_runs", "visible.nothing_seen"}
)
"""These only lay arrays out for a kernel."""
