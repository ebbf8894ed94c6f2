"""Sparse overlaps of KITTI objects against shapely and plain rectangles."""
from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon, box

from sparse3d.datasets.kitti.evaluate import KittiObjects
from sparse3d.datasets.kitti.evaluate.ious import compute_ious
from sparse3d.datasets.kitti.evaluate.projection import kitti_corners


def frames(counts, seed):
    random = np.random.default_rng(seed)
    made = []
    for count in counts:
        corner = random.uniform(0, 60, (count, 2))
        made.append(KittiObjects.from_arrays(dict(
            name=random.choice(['Car', 'DontCare'], count, p=[0.8, 0.2]),
            bbox=np.hstack([corner, corner + random.uniform(5, 60, (count, 2))]),
            location=random.uniform([-4, 1, 10], [4, 2, 16], (count, 3)),
            dimensions=random.uniform([2, 1, 1], [5, 2, 2], (count, 3)),
            rotation_y=random.uniform(-4, 4, count))))
    return made


def footprint(objects, row):
    boxes = np.hstack([objects.location, objects.dimensions, objects.rotation_y[:, None]])
    return Polygon(kitti_corners(boxes)[row, :4][:, [0, 2]])


@pytest.fixture(scope='module')
def case():
    gt_counts, detection_counts = [3, 0, 5, 2, 0], [4, 3, 6, 0, 0]
    truth, found = frames(gt_counts, 1), frames(detection_counts, 2)
    overlaps = compute_ious(KittiObjects.concatenate(truth), gt_counts,
                            KittiObjects.concatenate(found), detection_counts)
    return truth, found, overlaps


def dense(candidates, truth, found):
    """Lists of candidates as one table per frame."""
    tables, row, column = [], 0, 0
    for gt, dt in zip(truth, found, strict=True):
        table = np.zeros((len(gt), len(dt)))
        for i in range(len(gt)):
            place = slice(candidates.starts[row + i], candidates.starts[row + i + 1])
            table[i, candidates.detection[place] - column] = candidates.iou[place]
        tables.append(table)
        row, column = row + len(gt), column + len(dt)
    return tables


def test_image_boxes(case):
    truth, found, overlaps = case
    for table, gt, dt in zip(dense(overlaps.bbox, truth, found), truth, found, strict=True):
        for i, j in np.ndindex(table.shape):
            a, b = box(*gt.bbox[i]), box(*dt.bbox[j])
            assert table[i, j] == pytest.approx(a.intersection(b).area / a.union(b).area)


def test_ground_rectangles_and_volumes(case):
    truth, found, overlaps = case
    positive = 0
    for bev, volume, gt, dt in zip(dense(overlaps.bev, truth, found),
                                   dense(overlaps.volume, truth, found), truth, found,
                                   strict=True):
        for i, j in np.ndindex(bev.shape):
            a, b = footprint(gt, i), footprint(dt, j)
            common = a.intersection(b).area
            assert bev[i, j] == pytest.approx(common / (a.area + b.area - common), abs=1e-9)
            height = max(min(gt.location[i, 1], dt.location[j, 1]) - max(
                gt.location[i, 1] - gt.dimensions[i, 1], dt.location[j, 1] - dt.dimensions[j, 1]),
                0)
            volumes = gt.dimensions[i].prod() + dt.dimensions[j].prod()
            expected = common * height / (volumes - common * height)
            assert volume[i, j] == pytest.approx(expected, abs=1e-9)
            positive += expected > 0
    assert positive > 5


def test_share_inside_dontcare_areas(case):
    truth, found, overlaps = case
    expected = []
    for gt, dt in zip(truth, found, strict=True):
        areas = [box(*gt.bbox[i]) for i in np.flatnonzero(gt.name == 'DontCare')]
        for image_box in dt.bbox:
            detection = box(*image_box)
            expected.append(max((area.intersection(detection).area / detection.area
                                 for area in areas), default=0))
    assert max(expected) > 0
    np.testing.assert_allclose(overlaps.dontcare, expected)


def test_objects_without_geometry_overlap_nothing():
    flat = KittiObjects.from_arrays(dict(name=['Car'], bbox=[[0, 0, 9, 9]]))
    overlaps = compute_ious(flat, [1], flat, [1])
    assert overlaps.bbox.iou.tolist() == [1.0]
    assert len(overlaps.bev.iou) == len(overlaps.volume.iou) == 0
