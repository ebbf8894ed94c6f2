"""Every published quirk is shown by a test: switched off, its golden or its behavior is another."""
from __future__ import annotations

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from sparse3d.checkpoints.options import published_sets

ROOT = Path(__file__).resolve().parent
CAMERAS, MERGE = 'focalsconv/test_camera_views.py::', 'focalsconv/test_published_merge.py::'
SHOWN = {
    'sparsebev': dict(
        scale_order='sparsebev/test_golden.py::test_each_quirk_is_needed',
        view_choice='sparsebev/test_golden.py::test_each_quirk_is_needed',
        alignment='sparsebev/test_golden.py::test_each_quirk_is_needed',
        attend_empty_slots='sparsebev/test_detector.py::'
                           'test_a_samples_losses_do_not_depend_on_its_neighbors',
        rotary_resize='sparsebev/test_published.py::test_each_quirk_reaches_its_part',
        future_across_scenes='sparse3d/engine/test_published_switches.py::'
                             'test_later_frames_of_the_next_scene_are_read_where_the_set_says_so',
        code_weights='sparsebev/test_published.py::test_each_quirk_reaches_its_part'),
    'sparse4d': dict(
        swapped_yaw='sparse4d/test_golden_model.py::test_the_right_order_of_sin_and_cos',
        noisy_key_points='sparse4d/test_key_points.py::'
                         'test_noise_in_place_of_the_fixed_points_is_a_quirk',
        stale_keys='sparse4d/test_streaming.py::'
                   'test_the_published_quirk_attends_to_the_scene_before',
        scenes_by_time='sparse4d/test_instance_bank.py::'
                       'test_a_scene_ends_where_its_name_or_the_time_says',
        unsorted_class_scores='sparse4d/test_golden_parts.py::test_decoding',
        grid_sample_border='sparse4d/test_golden_heads.py::test_each_quirk_of_v1_is_needed',
        ids_restart='sparse4d/test_instance_bank.py::test_identities_when_the_batch_changes',
        constant_interval='sparse4d/test_golden_heads.py::test_each_quirk_of_v1_is_needed',
        num_anchors='sparse4d/test_instance_bank.py::test_the_number_of_anchors_of_a_file',
        unknown_velocity_costs='sparse4d/test_training.py::test_the_quirk_reaches_the_matching'),
    'dsvt': dict(
        embedding_order='dsvt/test_golden.py::test_repairing_the_embeddings_would_show',
        meters='sparse3d/models/voxel_encoders/test_dynamic_voxel_encoder.py::test_agrees_with_the_loop',
        empty_slots='dsvt/test_attention_pooling.py::test_agrees_with_attention_region_by_region',
        turned_nms='dsvt/test_golden.py::test_suppression_of_the_stored_boxes',
        lone_queries='dsvt/test_neighborhood_decoder.py::'
                     'test_queries_see_each_other_unless_published',
        wrapping='dsvt/test_neighborhood_decoder.py::'
                 'test_published_squares_continue_in_the_next_column',
        top_height='dsvt/test_published.py::test_each_quirk_reaches_its_part',
        iou_shift='dsvt/test_published.py::test_each_quirk_reaches_its_part',
        leaf_parameters='sparse3d/engine/test_leaf_optimizer.py::'
                        'test_projections_into_attention_move_only_by_default'),
    'safdnet': dict(
        int32_keys='sparse3d/models/voxel_encoders/test_dynamic_voxel_encoder.py::'
                   'test_samples_behind_the_overflow_of_32_bits_are_lost_where_that_is_asked_for',
        swapped_limits='safdnet/test_cell_targets.py::'
                       'test_a_center_beyond_the_map_counts_as_on_its_edge',
        inverted_mask='safdnet/test_sparse_transfusion_head.py::'
                      'test_a_full_sample_is_lost_only_as_published',
        unmasked='safdnet/test_sparse_transfusion_head.py::'
                 'test_masks_differ_and_empty_samples_are_normal',
        iou_shift='safdnet/test_published.py::test_each_quirk_reaches_its_part',
        leaf_parameters='test_released_recipes.py::'
                        'test_what_a_release_leaves_out_is_trained_unless_asked_for'),
    'voxelkp': dict(
        cell_offsets='voxelkp/test_bev_fusion.py::test_published_places_and_weights',
        level_weights='voxelkp/test_bev_fusion.py::test_published_places_and_weights',
        batch_anchor='voxelkp/test_golden.py::'
                     'test_our_windows_give_the_published_results_of_single_frames',
        losses='voxelkp/test_keypoint_losses.py::test_joints_count_in_meters_and_only_if_labeled'),
    'sparsefusion': dict(
        lone_query_zero='sparsefusion/test_golden_head.py::test_views_with_one_candidate',
        padding='sparsefusion/test_golden_head.py::'
                'test_right_behavior_differs_from_each_published_option',
        positions='sparsefusion/test_golden_head.py::'
                  'test_right_behavior_differs_from_each_published_option',
        squared_radius='sparsefusion/test_published.py::test_each_quirk_reaches_its_part',
        zero_scores='sparsefusion/test_published.py::test_each_quirk_reaches_its_part',
        match_height='sparsefusion/test_camera_geometry.py::'
                     'test_depth_decides_between_candidates_unless_published_matching_is_asked_for',
        frozen_statistics='sparsefusion/test_sparsefusion_detector.py::'
                          'test_the_published_way_of_freezing_normalizes_by_the_batch',
        radii='sparsefusion/test_published.py::test_each_quirk_reaches_its_part'),
    'focalsconv': dict(
        float32_keys=f'{MERGE}test_samples_never_mix',
        key_sizes=f'{MERGE}test_largest_index_for_size_joins_the_ends_of_two_rows',
        background_copies='focalsconv/test_focal_sparse_convolution.py::'
                          'test_copies_of_the_nuscenes_release',
        skip_index_zero='focalsconv/test_golden.py::test_exact_merging_where_the_release_errs',
        corners=f'{CAMERAS}test_a_voxel_by_hand',
        doubled_targets='focalsconv/test_published.py::test_doubled_targets_are_needed',
        truncation=f'{CAMERAS}test_left_of_the_first_column',
        behind_camera=f'{CAMERAS}test_behind_the_camera',
        read_padding=f'{CAMERAS}test_padding_is_not_image',
        encode_padding='focalsconv/test_image_features.py::'
                       'test_values_in_the_padding_do_not_matter_unless_published',
        depth=f'{CAMERAS}test_depth_before_the_shift_of_the_image',
        skip_pixel_zero=f'{CAMERAS}test_left_of_the_first_column',
        image_scale=f'{CAMERAS}test_rounding_at_full_size'),
    'spsconv': dict.fromkeys(
        ('skip_index_zero', 'center_on_even', 'colliding_keys'),
        'focalsconv/test_golden_pruned.py::test_each_quirk_is_needed'),
    'baselines': dict(
        direction_offset='focalsconv/test_one_stage_baselines.py::'
                         'test_mmdet3ds_own_detector_finds_the_same_boxes',
        pillar_offsets='focalsconv/test_one_stage_baselines.py::'
                       'test_mmdet3ds_own_detector_finds_the_same_boxes',
        anchors_at_the_edges='focalsconv/test_one_stage_baselines.py::'
                             'test_openpcdets_rules_give_the_same_boxes'),
}


@pytest.mark.parametrize('name', sorted(published_sets()))
def test_every_field_has_its_test(name):
    assert set(SHOWN[name]) == {each.name for each in fields(published_sets()[name])}
    for field, test in SHOWN[name].items():
        file, function = test.split('::')
        assert function in functions(file), f'{field}: there is no {test}'


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
