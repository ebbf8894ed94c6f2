"""Every stored stage of the released head, reproduced: small sizes, few queries, full sizes."""
from __future__ import annotations

import pytest
import torch

from sparse3d.structures.camera_rig import CameraRig
from sparsefusion_head_checks import (
    HEAD,
    NEAR_BORDER,
    Alignment,
    check_branches,
    check_detections,
    check_lifted,
    check_maps,
    check_queries,
    close,
)


@pytest.fixture
def small_scene(golden, case):
    return case.scene_of(golden.inputs, '', *golden.features('head', case.SMALL_SHAPES))


def test_every_stage_of_the_head(golden, case, small_scene, one_thread):
    head = golden.head(**case.SMALL)
    with torch.no_grad():
        output = head(small_scene)
    order = Alignment(output, golden.outputs, 'head_')
    check_maps(head, output, golden.outputs, 'head_')
    check_queries(output, golden.outputs, 'head_', order)
    check_branches(output, golden.outputs, 'head_', order)
    check_lifted(output, golden.outputs, 'head_', order)
    check_detections(head, output, golden.outputs, 'head_', 1e-3)


def test_views_with_one_candidate(golden, case, small_scene, one_thread):
    few = {f'{HEAD}candidates.num_lidar_queries': 16, f'{HEAD}candidates.num_camera_queries': 8}
    head = golden.head(**case.SMALL, **few)
    with torch.no_grad():
        output = head(small_scene)
    order = Alignment(output, golden.outputs, 'few_')
    check_queries(output, golden.outputs, 'few_', order)
    check_branches(output, golden.outputs, 'few_', order)
    zero = output.camera.queries[0, order.camera].abs().sum(1) == 0
    assert zero.nonzero().flatten().tolist() == [2, 5, 6]
    right = golden.head(**case.SMALL, **few, **{'model.published.lone_query_zero': False})
    with torch.no_grad():
        assert right(small_scene).camera.queries.abs().sum(2).min() > 1


def test_right_behavior_differs_from_each_published_option(golden, case, small_scene):
    """An option that changes nothing would be no option."""
    with torch.no_grad():
        published = golden.head(**case.SMALL)(small_scene)
        for option in ('padding', 'positions'):
            head = golden.head(**case.SMALL, **{f'model.published.{option}': False})
            fused = head(small_scene).fused_queries
            assert (fused - published.fused_queries).abs().max() > 1e-3, option


def test_two_samples_at_once_are_two_samples(golden, case, small_scene, one_thread):
    from dataclasses import replace
    head = golden.head(**case.SMALL)
    other = golden.features('loss', case.SMALL_SHAPES)
    rig = small_scene.rig
    cameras = rig.cameras
    twice = CameraRig.of(replace(cameras, **{name: torch.cat([getattr(cameras, name)] * 2)
                                             for name in ('lidar2img', 'sizes', 'valid')}),
                         rig.from_training)
    both = replace(small_scene, bev=torch.cat([other[0], small_scene.bev]),
                   heights=small_scene.heights.repeat(2, 1, 1),
                   occupied=small_scene.occupied.repeat(2, 1, 1),
                   images=[torch.cat(pair) for pair in zip(other[1], small_scene.images,
                                                           strict=True)],
                   depth=small_scene.depth.repeat(2, 1, 1, 1), rig=twice)
    with torch.no_grad():
        together, alone = head.predict(both)[1], head.predict(small_scene)[0]
    torch.testing.assert_close(together.scores_3d, alone.scores_3d, atol=1e-4, rtol=0)
    torch.testing.assert_close(together.bboxes_3d.tensor, alone.bboxes_3d.tensor, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_the_head_at_the_published_sizes(golden, case, one_thread):
    stored = golden.load('full')
    scene = case.scene_of(stored, 'in_', *golden.features('full', case.FULL_SHAPES))
    head = golden.head()
    with torch.no_grad():
        output = head(scene)
    order = Alignment(output, stored, '')
    check_branches(output, stored, '', order)
    close(output.transferred.heat[:, 0, ::3, ::3], stored['dense_heatmap_class0'], NEAR_BORDER,
          'heat')
    check_detections(head, output, stored, '', 2e-3)
