"""Every kernel beside its slow, obvious twin, and the test that compares them.

A kernel is public where a room other than kernels/ calls it; what it calls in turn is compared along with it.
`tests/unit/test_oracles.py` holds the list to the code: a new public kernel needs a line here.
"""

from typing import NamedTuple


class Twin(NamedTuple):
    """`slow` is the dotted name of the twin, or "" where the test spells out what is expected; `test` compares
    it with all of the `kernels` (stage.module.function)."""

    slow: str
    test: str
    kernels: str


TWINS = (
    Twin(
        "scipy.ndimage.median_filter",
        "unit/test_despeckle.py::test_every_size_and_shape_equals_scipy",
        "preprocess.despeckle.despeckle",
    ),
    Twin(
        "numpy.median",
        "unit/test_moving_median.py::test_any_window_and_any_width_equals_numpy",
        "preprocess.moving_median.moving_median_uint16",
    ),
    Twin(
        "numpy.median",
        "unit/test_moving_median.py::test_float_windows_equal_numpy",
        "preprocess.moving_median.median_of_planes",
    ),
    Twin(
        "tests.unit.test_normalise.wanted",
        "unit/test_normalise.py::test_fixed_point_follows_the_documented_order",
        "preprocess.normalise.normalise_batch",
    ),
    Twin(
        "",
        "unit/test_normalise.py::test_the_margin_leaves_out_saturated_and_missing_values",
        "preprocess.normalise.margin_mean",
    ),
    Twin(
        "",
        "unit/test_normalise.py::test_a_frame_of_one_value_is_noticed",
        "preprocess.normalise.is_constant",
    ),
    Twin(
        "",
        "unit/test_normalise.py::test_saturated_pixels_are_runs",
        "preprocess.normalise.saturated_runs",
    ),
    Twin(
        "",
        "unit/test_normalise.py::test_invalid_pixels_are_runs",
        "preprocess.normalise.invalid_runs",
    ),
    Twin(
        "scipy.ndimage.median_filter",
        "unit/test_subtract_background.py::test_a_word_equals_numpy_and_scipy",
        "preprocess.subtract_background.clean_batch",
    ),
    Twin(
        "friedel.preprocess.clean_blocks",
        "unit/test_frame_cleaner.py::test_every_frame_equals_the_pass",
        "preprocess.clean_frame.clean_frame",
    ),
    Twin(
        "tests.oracles_segment.Volume",
        "unit/test_components.py::test_components_equal_those_of_a_breadth_first_search",
        "segment.components.link_rows segment.components.unite_runs",
    ),
    Twin(
        "",
        "unit/test_components.py::test_sorting_by_label_is_stable_and_leaves_out_what_has_none",
        "segment.components.sort_by_label",
    ),
    Twin(
        "tests.oracles_segment.double_threshold",
        "property/test_segment_properties.py::test_partition_ledger_and_columns_equal_the_oracle",
        "segment.bright_runs.extract_runs segment.bright_runs.pack_values segment.grow.claim_regions "
        "segment.runs_by_blob.claimed_runs segment.runs_by_blob.expand_runs "
        "segment.runs_by_blob.sort_runs_by_blob segment.moments.touch_marked_pixels "
        "segment.open_components.append_runs segment.open_components.number_components "
        "segment.open_components.count_voxels segment.open_components.copy_lists "
        "segment.open_components.join_lists segment.open_components.mark_open_and_seeded "
        "segment.saddles.split_seeds segment.seeds.extract_seed_runs segment.seeds.measure_seeds "
        "segment.seeds.number_roots segment.watershed.split_regions",
    ),
    Twin(
        "tests.oracles_segment.columns",
        "unit/test_moments.py::test_all_columns_equal_those_of_plain_numpy",
        "segment.moments.measure_blobs",
    ),
    Twin(
        "",
        "unit/test_moments.py::test_saturated_voxels_are_counted_in_the_blobs_that_hold_them",
        "segment.moments.count_marked_voxels",
    ),
    Twin(
        "",
        "unit/test_moments.py::test_blobs_on_frames_that_stand_in_say_so",
        "segment.moments.touch_marked_frames",
    ),
    Twin(
        "",
        "unit/test_bright_runs.py::test_voxels_beside_what_is_not_a_number_are_marked",
        "segment.bright_runs.beside_invalid",
    ),
    Twin(
        "friedel.segment.bright_voxels",
        "unit/test_explorer_solving.py::test_filtered_voxels_are_those_that_would_have_been_collected",
        "explore.filter_runs.filter_runs",
    ),
    Twin(
        "",
        "unit/test_explorer_outlines.py::test_a_section_along_a_column_has_its_voxels_in_as_few_runs_as_can_be",
        "explore.runs_by_slice.joined_crossings explore.runs_by_slice.place_columns",
    ),
    Twin(
        "",
        "unit/test_explorer_outlines.py::test_a_section_along_a_row_has_its_voxels",
        "explore.runs_by_slice.place_runs",
    ),
    Twin(
        "",
        "unit/test_display_images.py::test_sixteen_bits_are_rounded_and_cut_off",
        "explore.display_images.to_int16 explore.display_images.to_uint16",
    ),
    Twin(
        "",
        "unit/test_display_images.py::test_fewer_pixels_are_the_mean_or_the_largest_of_a_square",
        "explore.display_images.block_max explore.display_images.block_mean",
    ),
    Twin(
        "",
        "unit/test_display_images.py::test_the_largest_is_that_of_the_numbers",
        "explore.display_images.largest",
    ),
    Twin(
        "",
        "unit/test_bright_runs.py::test_closed_blocks_of_columns_are_told_from_mixed_ones",
        "segment.bright_runs.block_states",
    ),
    Twin(
        "",
        "unit/test_bright_runs.py::test_a_float32_reaches_a_float64_floor_exactly",
        "segment.bright_runs.smallest_float32",
    ),
    Twin(
        "",
        "unit/test_bright_runs.py::test_what_is_surely_dark_is_below_the_floor",
        "segment.bright_runs.lowest_counts",
    ),
    Twin(
        "tests.oracles_physics.omegas_by_search",
        "unit/test_bragg.py::test_every_angle_that_a_search_finds_is_predicted_and_no_other",
        "bragg.predict",
    ),
    Twin(
        "tests.oracles_physics.way_by_steps",
        "unit/test_absorption.py::test_lengths_through_a_shape_are_those_of_small_steps",
        "absorption.ways_ahead",
    ),
    Twin(
        "tests.oracles_segment.rim_by_hand",
        "unit/test_uncertainty.py::test_a_rim_is_what_goes_on_from_the_voxels_beside_it",
        "blob_rims.centroids_with_rims",
    ),
    Twin(
        "",
        "unit/test_bragg.py::test_the_lorentz_factor_is_the_time_in_the_diffraction_condition",
        "bragg.lorentz",
    ),
    Twin(
        "",
        "unit/test_bragg.py::test_polarisation_dims_horizontal_beams_only",
        "bragg.polarisation",
    ),
    Twin(
        "tests.oracles_match.candidates_by_hand",
        "unit/test_match_kernels.py::test_candidates_equal_those_of_looking_at_every_pair",
        "match.friedel_pairs.find_candidates",
    ),
    Twin(
        "tests.oracles_match.line_by_turning",
        "unit/test_match_kernels.py::test_lines_equal_those_of_carrying_both_spots_along_with_the_sample",
        "match.friedel_pairs.friedel_lines",
    ),
    Twin(
        "tests.oracles_match.eta_pair_by_search",
        "unit/test_match_across.py::test_residual_and_eta_are_those_of_a_search_over_all_eta",
        "match.eta_pairs.find_eta_candidates match.eta_pairs.solve_eta",
    ),
    Twin(
        "",
        "unit/test_match_across.py::test_where_the_rays_meet_is_where_the_grain_is",
        "match.eta_pairs.crossings",
    ),
    Twin(
        "",
        "unit/test_quadruplets.py::test_partners_are_those_of_a_search_over_all_pairs",
        "match.quadruplets.partner_pairs",
    ),
    Twin(
        "tests.oracles_fit.nearest_blobs",
        "unit/test_index_turned_seeds.py::test_the_best_turn_is_that_of_looking_at_every_turn",
        "index.turned_seeds.best_turns",
    ),
    Twin(
        "",
        "unit/test_index_turned_seeds.py::test_places_of_a_spot_are_on_its_cone_and_in_the_sample",
        "index.turned_seeds.places_of_spot",
    ),
    Twin(
        "",
        "unit/test_match_kernels.py::test_best_first_and_every_spot_once",
        "match.friedel_pairs.take_best",
    ),
    Twin(
        "numpy.exp",
        "unit/test_match_kernels.py::test_scores_of_rings_equal_a_sum_in_numpy",
        "calibrate.ring_scores.ring_scores",
    ),
    Twin(
        "tests.oracles_index.true_pairs",
        "property/test_index_properties.py::test_exact_spots_give_exact_grains_on_any_detector",
        "index.grain_seeds.search_seeds index.line_lookup.make_line_lookup",
    ),
    Twin(
        "",
        "unit/test_index_kernels.py::test_a_triad_takes_one_pair_of_directions_into_the_other",
        "index.grain_seeds.triad",
    ),
    Twin(
        "friedel.kernels.bragg.predict",
        "unit/test_index_kernels.py::test_predicted_spots_are_those_of_the_prediction_for_everybody",
        "index.blob_lookup.predict_spots",
    ),
    Twin(
        "tests.oracles_fit.nearest_blobs",
        "unit/test_fit_grain.py::test_choices_of_blobs_equal_those_of_looking_at_all_blobs",
        "index.blob_lookup.blob_choices index.blob_lookup.make_blob_lookup",
    ),
    Twin(
        "tests.oracles_fit.nearest_blob_each",
        "unit/test_fit_grain.py::test_one_blob_is_only_the_nearest_spots",
        "index.blob_lookup.nearest_blob_each",
    ),
    Twin(
        "tests.oracles_fit.residuals",
        "unit/test_fit_grain.py::test_residuals_equal_predicted_minus_seen",
        "index.fit_grain.spot_residual",
    ),
    Twin(
        "tests.oracles_fit.normal_matrices",
        "unit/test_fit_grain.py::test_normal_equations_equal_those_of_central_differences",
        "index.fit_grain.normal_equations index.fit_grain.spot_jacobian",
    ),
    Twin(
        "tests.oracles_fit.fitted",
        "unit/test_fit_grain.py::test_a_fit_ends_where_scipy_finds_the_least_cauchy_loss",
        "index.fit_grain.gauss_newton",
    ),
    Twin(
        "tests.oracles_fit.fitted",
        "unit/test_fit_grain.py::test_a_grain_is_fitted_to_its_nearest_blobs",
        "index.fit_grain.fit_to_nearest_blobs",
    ),
    Twin(
        "",
        "unit/test_fit_grain.py::test_what_is_expected_free_and_found_is_counted",
        "index.fit_grain.count_spots",
    ),
    Twin(
        "scipy.spatial.transform.Rotation.from_rotvec",
        "unit/test_index_kernels.py::test_a_small_rotation_is_that_of_scipy",
        "index.fit_grain.rotated",
    ),
    Twin(
        "",
        "unit/test_index_kernels.py::test_blobs_go_to_the_first_claim_and_losers_keep_their_first_choice",
        "index.assignment.assign_one_to_one index.assignment.first_choices",
    ),
    Twin(
        "tests.oracles_projectors.matrix_of",
        "unit/test_projectors.py::test_both_directions_equal_the_matrix_of_tents",
        "reconstruct.projectors.back_columns reconstruct.projectors.forward_columns",
    ),
    Twin(
        "tests.oracles_projectors.bent_matrix_of",
        "unit/test_bent_grains.py::test_every_voxel_falls_along_its_own_beam",
        "reconstruct.bent_projectors.back_bent reconstruct.bent_projectors.forward_bent "
        "reconstruct.bent_projectors.forward_parts",
    ),
    Twin(
        "",
        "unit/test_bent_grains.py::test_each_voxel_of_a_spot_counts_with_the_omega_of_its_frame",
        "reconstruct.spot_projections.sum_with_omega",
    ),
    Twin(
        "",
        "unit/test_projectors.py::test_a_blob_is_summed_over_its_frames",
        "reconstruct.spot_projections.sum_over_frames",
    ),
    Twin(
        "",
        "unit/test_projectors.py::test_pixels_beyond_the_detector_are_not_known",
        "reconstruct.spot_projections.mark_outside",
    ),
    Twin(
        "",
        "unit/test_projectors.py::test_pixels_that_another_blob_claimed_in_the_same_frames_are_not_known",
        "reconstruct.spot_projections.claimed_by_others",
    ),
    Twin(
        "",
        "unit/test_projectors.py::test_a_detector_without_tilt_is_copied_pixel_by_pixel",
        "reconstruct.spot_projections.resample",
    ),
    Twin(
        "scipy.ndimage.gaussian_filter",
        "unit/test_point_spread.py::test_a_point_spread_is_scipys_normal_filter",
        "reconstruct.point_spread.spread_light",
    ),
    Twin(
        "tests.oracles_footprints.light_at",
        "unit/test_footprints.py::test_a_footprint_is_the_image_between_pixels_times_the_frames_part",
        "reconstruct.footprints.footprints_at",
    ),
    Twin(
        "tests.oracles_footprints.boxes_meet",
        "unit/test_footprints.py::test_boxes_meet_as_by_comparing_all",
        "reconstruct.footprints.boxes_that_meet",
    ),
    Twin(
        "tests.oracles_footprints.amplitudes",
        "unit/test_footprints.py::test_amplitudes_are_those_of_scipys_non_negative_least_squares",
        "reconstruct.footprints.add_normal_equations reconstruct.footprints.non_negative_solution",
    ),
    Twin(
        "",
        "unit/test_footprints.py::test_counts_go_by_footprints_and_what_none_explains_is_nobodys",
        "reconstruct.footprints.part_intensity",
    ),
    Twin(
        "",
        "unit/test_footprints.py::test_all_light_in_a_spots_frames_is_summed",
        "reconstruct.footprints.light_in_windows",
    ),
    Twin(
        "tests.oracles_footprints.window_of",
        "unit/test_faint_spots.py::test_a_window_holds_the_footprint_of_each_of_its_pixels",
        "reconstruct.faint_spots.read_windows",
    ),
    Twin(
        "",
        "unit/test_faint_spots.py::test_sums_over_footprints_are_those_of_whole_frames",
        "reconstruct.faint_spots.matched_sums reconstruct.faint_spots.take_light",
    ),
    Twin(
        "",
        "unit/test_faint_spots.py::test_windows_of_frames_are_added_where_they_are_known",
        "reconstruct.faint_spots.add_windows",
    ),
    Twin(
        "tests.oracles_physics.image_by_hand",
        "unit/test_simulator_spot_images.py::test_a_spot_is_its_voxels_each_by_its_own_braggs_law",
        "simulate.spot_images.extents",
    ),
    Twin(
        "tests.oracles_physics.image_by_hand",
        "unit/test_simulator_spot_images.py::test_a_spot_is_its_voxels_each_by_its_own_braggs_law",
        "simulate.spot_images.spot_image",
    ),
    Twin(
        "friedel.kernels.simulate.spot_images.spot_image",
        "unit/test_simulator_spot_images.py::test_frames_are_the_sum_of_their_spots",
        "simulate.spot_images.add_spots",
    ),
    Twin(
        "numpy.argwhere",
        "unit/test_simulator_scan.py::test_truth_voxels_are_those_above_the_rule_and_nothing_else",
        "simulate.visible_voxels.find_visible",
    ),
    Twin(
        "tests.oracles_physics.near_by_hand",
        "unit/test_simulator_spot_images.py::test_neighbours_are_found_as_by_comparing_all_voxels",
        "simulate.visible_voxels.near_others",
    ),
    Twin(
        "",
        "unit/test_random_numbers.py::test_an_exposure_has_offset_gain_read_noise_and_saturation",
        "simulate.random_numbers.expose",
    ),
    Twin(
        "",
        "unit/test_reporter_grains.py::test_rays_meet_a_ball_where_it_is",
        "report.ray_casting.cast_rays",
    ),
    Twin(
        "",
        "unit/test_io_chunks.py::test_the_walk_over_blocks_ends_where_the_chunk_does",
        "io.lz4_blocks.blocks_fit",
    ),
)

NOTHING_TO_COMPARE = frozenset(
    {
        "bragg.detector_frame",
        "index.assignment.unassigned",
        "segment.bright_runs.empty_runs",
        "segment.grow.no_claims",
        "segment.grow.no_regions",
        "simulate.visible_voxels.no_visible_spots",
    }
)
"""These only lay arrays out for a kernel."""
