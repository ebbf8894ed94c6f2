"""Comparisons of the head's stages with stored ones, whatever the order of equal queries."""
from __future__ import annotations

import numpy as np
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
