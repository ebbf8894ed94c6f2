"""Every stored stage of the released head, reproduced: small sizes, few queries, full sizes."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

HEAD = 'model.bbox_head.'
STAGE = 1e-4       # float noise of features and logits
NEAR_BORDER = 2e-3  # logits of positions near an image border amplify it
CELLS = 1e-3
QUERY_STAGES = {  # stored name -> channels kept
    'pts_query_feat': 'lidar', 'img_query_feat': 'camera', 'camera_se_feat': 'camera',
    'view_query_feat': 'camera', 'fusion_query_feat': 'both'}
CAMERA_BRANCHES = ('center_2d', 'depth_2d', 'cls', 'dim_2d', 'rot_2d', 'vel_2d')
OLD_CONVENTION = {'dim': lambda x: x[:, [1, 0, 2]], 'rot': lambda x: -x.flip(1)}


class Alignment:
    """Columns of our candidates in the order of the stored ones, by class and place."""

    def __init__(self, output, stored: dict[str, np.ndarray], prefix: str) -> None:
        camera = output.camera.peaks
        self.lidar = self._columns(output.peaks, stored, f'{prefix}pts_query')
        self.camera = self._columns(camera, stored, f'{prefix}img_query')
        self.both = np.concatenate([self.lidar, self.camera + len(self.lidar)])

    @staticmethod
    def _columns(peaks, stored: dict[str, np.ndarray], name: str) -> np.ndarray:
        place = {key: column for column, key in enumerate(
            zip(peaks.labels[0].tolist(), peaks.cells[0].tolist(), strict=True))}
        wanted = list(zip(stored[f'{name}_class'][0].tolist(),
                          stored[f'{name}_index'][0].tolist(), strict=True))
        assert set(place) == set(wanted)
        return np.array([place[key] for key in wanted])


def close(found: Tensor, stored: np.ndarray, tolerance: float, name: str) -> None:
    np.testing.assert_allclose(found.detach().numpy(), stored, rtol=0, atol=tolerance,
                               err_msg=name)


def check_branches(output, stored: dict[str, np.ndarray], prefix: str, order: Alignment) -> None:
    for name in ('center', 'height', 'dim', 'rot', 'vel', 'heatmap'):
        turn = OLD_CONVENTION.get(name, lambda x: x)
        tolerance = CELLS if name == 'center' else STAGE
        ours = torch.cat([output.lidar[name][..., order.lidar],
                          output.fused[name][..., order.both]], dim=2)
        close(turn(ours), stored[f'{prefix}pred_{name}'], tolerance, name)
        if f'{prefix}pred_{name}_view' in stored:
            close(turn(output.view[name][..., order.camera]),
                  stored[f'{prefix}pred_{name}_view'], tolerance, f'{name}_view')
    for name in CAMERA_BRANCHES:
        if f'{prefix}pred_{name}' not in stored:  # the case with few queries stores some
            continue
        close(output.camera.outputs[name][..., order.camera], stored[f'{prefix}pred_{name}'],
              CELLS if name == 'depth_2d' else STAGE, name)


def check_lifted(output, stored: dict[str, np.ndarray], prefix: str, order: Alignment) -> None:
    codes = output.lifted.codes[:, order.camera]
    old = torch.cat([codes[..., :3], -codes[..., [7, 6]], codes[..., 8:], codes[..., [4, 3, 5]]], 2)
    close(old, stored[f'{prefix}img_bev_box'], CELLS, 'lifted boxes')
    close(output.lifted.camera_centers[:, order.camera].transpose(1, 2),
          stored[f'{prefix}pred_loc_cam_3d'], CELLS, 'camera centers')


def check_detections(head, output, stored: dict[str, np.ndarray], prefix: str,
                     tolerance: float) -> None:
    """Compare the sets: zero scores tie, so ranks mean nothing."""
    found = head.predict_of(output)[0]
    boxes = found.bboxes_3d.tensor.detach().numpy()
    expected = stored[f'{prefix}boxes']
    assert len(boxes) == len(expected)
    old = np.column_stack([boxes[:, :3], boxes[:, [4, 3, 5]], boxes[:, 7:]])
    wanted = np.column_stack([expected[:, :6], expected[:, 7:]])
    nearest = np.abs(old[:, None] - wanted[None]).max(-1).argmin(0)
    assert len(set(nearest)) == len(wanted)
    np.testing.assert_allclose(old[nearest], wanted, rtol=0, atol=tolerance)
    turn = np.sin((-boxes[nearest, 6] - np.pi / 2 - expected[:, 6]) / 2)
    np.testing.assert_allclose(turn, 0, atol=tolerance)
    np.testing.assert_allclose(found.scores_3d.detach().numpy()[nearest],
                               stored[f'{prefix}scores'], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(found.labels_3d.numpy()[nearest], stored[f'{prefix}labels'])


def check_maps(head, output, stored: dict[str, np.ndarray], prefix: str) -> None:
    for level, embedding in enumerate(head.level_embedding):
        joined = output.pyramid.levels[level] - embedding[:, None, None]
        close(joined[:, ::32], stored[f'{prefix}depth_fused_{level}'], STAGE, f'level {level}')
    close(output.bev[:, ::32], stored[f'{prefix}lidar_feat'], STAGE, 'map')
    transferred = output.transferred
    close(transferred.joined[:, [0, 32, 64, 96, 128]], stored[f'{prefix}cross_bev'], NEAR_BORDER,
          'semantic transfer')
    close(transferred.reduced[:, ::32], stored[f'{prefix}cross_bev_reduced'], NEAR_BORDER,
          'reduced')
    close(transferred.heat, stored[f'{prefix}dense_heatmap'], NEAR_BORDER, 'heat')
    close(output.camera.heat[:, :, [0, 3]], stored[f'{prefix}img_dense_heatmap'], STAGE,
          'image heat')


def check_queries(output, stored: dict[str, np.ndarray], prefix: str, order: Alignment) -> None:
    found = dict(pts_query_feat=output.lidar_queries, img_query_feat=output.camera.queries,
                 camera_se_feat=output.gated_queries, view_query_feat=output.view_queries,
                 fusion_query_feat=output.fused_queries)
    for name, which in QUERY_STAGES.items():
        if f'{prefix}{name}' in stored:
            expected = stored[f'{prefix}{name}']
            ours = found[name].transpose(1, 2)[..., getattr(order, which)]
            close(ours[:, ::ours.shape[1] // expected.shape[1]], expected, STAGE, name)


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
    few = {f'{HEAD}num_lidar_queries': 16, f'{HEAD}num_camera_queries': 8}
    head = golden.head(**case.SMALL, **few)
    with torch.no_grad():
        output = head(small_scene)
    order = Alignment(output, golden.outputs, 'few_')
    check_queries(output, golden.outputs, 'few_', order)
    check_branches(output, golden.outputs, 'few_', order)
    zero = output.camera.queries[0, order.camera].abs().sum(1) == 0
    assert zero.nonzero().flatten().tolist() == [2, 5, 6]
    right = golden.head(**case.SMALL, **few, **{f'{HEAD}published_lone_query_zero': False})
    with torch.no_grad():
        assert right(small_scene).camera.queries.abs().sum(2).min() > 1


def test_right_behavior_differs_from_each_published_option(golden, case, small_scene):
    """An option that changes nothing would be no option."""
    with torch.no_grad():
        published = golden.head(**case.SMALL)(small_scene)
        for option in ('published_padding', 'published_positions'):
            head = golden.head(**case.SMALL, **{f'{HEAD}{option}': False})
            fused = head(small_scene).fused_queries
            assert (fused - published.fused_queries).abs().max() > 1e-3, option


def test_two_samples_at_once_are_two_samples(golden, case, small_scene, one_thread):
    from dataclasses import replace
    head = golden.head(**case.SMALL)
    other = golden.features('loss', case.SMALL_SHAPES)
    rig = small_scene.rig
    twice = replace(rig, **{name: torch.cat([getattr(rig, name)] * 2) for name in (
        'intrinsics', 'rotation', 'translation', 'valid_size', 'valid')})
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
