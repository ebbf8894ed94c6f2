from __future__ import annotations

import pytest
import torch
from mmdet3d.models.data_preprocessors.data_preprocessor import Det3DDataPreprocessor
from mmdet3d.structures import Det3DDataSample, PointData

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat.minkunet_voxels import apply_patch


def preprocessor(**options) -> Det3DDataPreprocessor:
    layer = dict(max_num_points=-1, point_cloud_range=[-9, -9, -9, 9, 9, 9], voxel_size=[1.0] * 3,
                 max_voxels=(-1, -1))
    return Det3DDataPreprocessor(voxel=True, voxel_type='minkunet', voxel_layer=layer, **options)


def cloud_and_sample(points: int) -> tuple[torch.Tensor, Det3DDataSample]:
    sample = Det3DDataSample()
    sample.gt_pts_seg = PointData(pts_semantic_mask=torch.randint(0, 5, (points,)))
    return torch.rand(points, 4) * 4 - 2, sample


@pytest.mark.parametrize('batch_first', [True, False])
def test_each_voxel_once_with_its_point_its_label_and_its_frame(batch_first):
    clouds, samples = zip(*(cloud_and_sample(points) for points in (200, 50)), strict=True)
    made = preprocessor(batch_first=batch_first).eval().voxelize(list(clouds), list(samples))
    frame = made['coors'][:, 0 if batch_first else 3]
    cells = made['coors'][:, 1:] if batch_first else made['coors'][:, :3]
    for number, (cloud, sample) in enumerate(zip(clouds, samples, strict=True)):
        of_frame = frame == number
        expected = cloud[:, :3].round().int()
        expected -= expected.amin(0)
        assert torch.equal(cells[of_frame][sample.point2voxel_map], expected)
        assert len(cells[of_frame]) == len(expected.unique(dim=0)) == len(sample.batch_idx)
        row = (made['voxels'][of_frame][:, None] == cloud[None]).all(2).int().argmax(1)
        labels = sample.gt_pts_seg.pts_semantic_mask[row]
        assert torch.equal(sample.gt_pts_seg.voxel_semantic_mask, labels)


def test_no_more_voxels_than_wanted_in_training():
    cloud, sample = cloud_and_sample(500)
    made = preprocessor(max_voxels=7).train().voxelize([cloud], [sample])
    assert len(made['voxels']) == 7 == len(sample.gt_pts_seg.voxel_semantic_mask)


def test_upstream_asks_for_a_gpu_and_repairing_twice_is_repairing_once():
    cloud, sample = cloud_and_sample(20)
    if not torch.cuda.is_available():
        with pytest.raises((AssertionError, RuntimeError)):
            Det3DDataPreprocessor.voxelize.upstream(preprocessor().eval(), [cloud], [sample])
    once = Det3DDataPreprocessor.voxelize
    apply_patch()
    assert Det3DDataPreprocessor.voxelize is once
