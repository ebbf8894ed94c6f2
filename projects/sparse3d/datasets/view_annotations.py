"""Transform that annotates each image: which objects it shows, and where."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

KEY = 'gt_view_annotations'
NEAREST = 1e-3  # depth from which something is in front of a camera [m]
_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8)
          if np.count_nonzero(_SIGNS[a] != _SIGNS[b]) == 1]


@TRANSFORMS.register_module()
class AnnotateViews(BaseTransform):
    """Project the boxes into the images of now, after every augmentation.

    Put it last before packing: there is nothing to be kept aligned, and no step offline. Needs
    ``gt_bboxes_3d``, ``gt_labels_3d``, ``lidar2img``, ``img``, ``num_views``; adds
    ``gt_view_annotations``, one row per object and view:

    - ``instance`` (K,) int64: the object's row in ``gt_bboxes_3d``.
    - ``view`` (K,) int64: the image's number, 0 to ``num_views`` - 1.
    - ``labels`` (K,) int64.
    - ``bboxes`` (K, 4) float32: left, top, right, bottom of the projected box as far as it lies
      in front of the camera and inside the image.
    - ``centers_2d`` (K, 2) float32: the projected centre; ``depths`` (K,) float32 [m].

    and ``gt_seen`` (M,) bool: whether some view shows an object's centre.

    Args:
        centre_inside: keep only what has its centre inside the image (published); otherwise
            what has its centre in front of the camera and any part of it inside.

    Source: SparseFusion (ICCV 2023), released preparation step; unlike it, corners behind the
    camera do not enlarge a box.
    """

    def __init__(self, centre_inside: bool = True) -> None:
        self.centre_inside = centre_inside

    def transform(self, results: dict) -> dict:
        """Annotate one sample."""
        boxes = results['gt_bboxes_3d'].tensor.numpy().astype(np.float64)
        views = range(results['num_views'])
        found = [project_boxes(boxes, np.asarray(results['lidar2img'][view], dtype=np.float64),
                               results['img'][view].shape[:2], self.centre_inside)
                 for view in views]
        parts = {key: np.concatenate([item[key] for item in found]) for key in found[0]}
        parts['view'] = np.concatenate([np.full(len(item['instance']), view, dtype=np.int64)
                                        for view, item in zip(views, found, strict=True)])
        parts['labels'] = np.asarray(results['gt_labels_3d'], dtype=np.int64)[parts['instance']]
        results[KEY] = parts
        results['gt_seen'] = np.isin(np.arange(len(boxes)), parts['instance'])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(centre_inside={self.centre_inside})'


def project_boxes(boxes: np.ndarray, lidar2img: np.ndarray, size: tuple[int, int],
                  centre_inside: bool = True) -> dict[str, np.ndarray]:
    """Rows of ``gt_view_annotations`` for one image, without ``view`` and ``labels``.

    Args:
        boxes: (M, >=7) LiDAR boxes, bottom centre.
        lidar2img: (4, 4).
        size: height and width of the image.
        centre_inside: see :class:`AnnotateViews`.
    """
    centres = boxes[:, :3] + np.column_stack([boxes[:, 3:5] * 0, boxes[:, 5] / 2])
    u, v, depth = lidar2img[:3, :3] @ centres.T + lidar2img[:3, 3:]
    front = depth > NEAREST
    with np.errstate(divide='ignore', invalid='ignore'):
        u, v = u / depth, v / depth
    inside = front & (u >= 0) & (u < size[1]) & (v >= 0) & (v < size[0])
    bboxes = np.array([_image_box(box, lidar2img, size) for box in boxes]).reshape(-1, 4)
    visible = (bboxes[:, 2] > bboxes[:, 0]) & (bboxes[:, 3] > bboxes[:, 1])
    rows = np.flatnonzero((inside if centre_inside else front) & visible)
    return dict(instance=rows, bboxes=bboxes[rows].astype(np.float32),
                centers_2d=np.column_stack([u, v])[rows].astype(np.float32),
                depths=depth[rows].astype(np.float32))


def _image_box(box: np.ndarray, lidar2img: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bounds of the part of a box in front of the camera, clipped; empty if there is none."""
    cos, sin = np.cos(box[6]), np.sin(box[6])
    x, y, z = (_SIGNS * box[3:6]).T
    corners = np.column_stack([box[0] + cos * x - sin * y, box[1] + sin * x + cos * y,
                               box[2] + box[5] / 2 + z])
    projected = corners @ lidar2img[:3, :3].T + lidar2img[:3, 3]       # [8, 3]
    depth = projected[:, 2]
    cut = []
    for a, b in _EDGES:
        if (depth[a] > NEAREST) != (depth[b] > NEAREST):
            share = (NEAREST - depth[a]) / (depth[b] - depth[a])
            cut.append(projected[a] + share * (projected[b] - projected[a]))
    seen = np.concatenate([projected[depth > NEAREST], np.array(cut).reshape(-1, 3)])
    if not len(seen):
        return np.zeros(4)
    pixels = seen[:, :2] / seen[:, 2:]
    bounds = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    return np.clip(bounds, 0, [size[1], size[0]] * 2)
