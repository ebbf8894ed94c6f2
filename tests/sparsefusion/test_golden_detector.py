"""The whole released detector on a real frame, reproduced from points and pixels."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample

from sparsefusion.published_checkpoint import QUIRKS, convert
from sparsefusion_head_checks import Alignment, check_detections, check_lifted, close


@pytest.fixture(scope='module')
def detector(golden, case):
    model = MODELS.build(golden.config(**case.SMALL).model)
    model.load_state_dict(golden.converted)
    return model.eval()


def sample_of(golden, case) -> dict:
    """The stored frame as the data pipeline gives it."""
    arrays = golden.inputs
    parts = (arrays[name] for name in ('cam_intrinsic', 'lidar2cam_r', 'lidar2cam_t'))
    sample = Det3DDataSample(metainfo=dict(lidar2img=case.projections(*parts),
                                           img_shape=tuple(arrays['img_shape'])))
    images = torch.from_numpy(arrays['images']).permute(0, 3, 1, 2)
    return dict(inputs=dict(points=[torch.from_numpy(arrays['points'])], img=[images]),
                data_samples=[sample])


@pytest.fixture(scope='module')
def stages(golden, case, detector):
    """Outputs of the parts by name, the head's output, and its input."""
    seen: dict = {}
    parts = {'bev': detector.middle_encoder, 'second': detector.backbone, 'neck': detector.neck,
             'r50': detector.image_backbone, 'fpn': detector.image_neck}
    hooks = [part.register_forward_hook(
        lambda module, given, found, name=name: seen.update({name: found}))
        for name, part in parts.items()]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        data = detector.data_preprocessor(sample_of(golden, case))
        scene = detector.scene(data['inputs'], data['data_samples'])
        output = detector.bbox_head(scene)
    torch.set_num_threads(threads)
    for hook in hooks:
        hook.remove()
    return SimpleNamespace(seen=seen, scene=scene, output=output, data=data)


def relative(found, stored: np.ndarray, name: str) -> None:
    close(found, stored, 1e-4 * max(1.0, float(np.abs(stored).max())), name)


def test_the_lidar_part(golden, stages):
    stored, seen = golden.outputs, stages.seen
    voxels = stages.data['inputs']['voxels']
    np.testing.assert_array_equal(voxels['num_points'].numpy(), stored['det_voxel_num_points'])
    np.testing.assert_array_equal(voxels['coors'][::16].numpy(), stored['det_voxel_coors'])
    relative(seen['bev'][:, ::64], stored['det_bev'], 'sparse encoder')
    relative(seen['second'][0][:, ::32], stored['det_second_0'], 'backbone 0')
    relative(seen['second'][1][:, ::64], stored['det_second_1'], 'backbone 1')
    relative(seen['neck'][0][:, [0, 128, 256, 384]], stored['det_neck'][:, :4], 'neck')


def test_heights_and_depths_from_points(golden, stages):
    stored, scene = golden.outputs['det_neck'], stages.scene
    middle = stored[0, 4:].mean(0)
    np.testing.assert_array_equal(scene.occupied[0].numpy(), middle > -50)
    np.testing.assert_allclose(scene.heights[0].numpy()[middle > -50], middle[middle > -50],
                               atol=1e-5)
    np.testing.assert_allclose(scene.depth.numpy(), golden.inputs['sparse_depth'][:, 0], atol=1e-4)


def test_the_image_part(golden, stages):
    for level in range(4):
        r50, fpn = stages.seen['r50'][level], stages.seen['fpn'][level]
        close(r50[[0, 3]][:, ::r50.shape[1] // 4], golden.outputs[f'det_r50_{level}'], 1e-3, 'r50')
        close(fpn[[0, 3]][:, ::64], golden.outputs[f'det_fpn_{level}'], 1e-3, 'fpn')


def test_the_head_and_the_boxes(golden, detector, stages):
    stored, output, head = golden.outputs, stages.output, detector.bbox_head
    order = Alignment(output, stored, 'det_')
    close(output.bev[:, ::32], stored['det_lidar_feat'], 1e-3, 'map')
    close(output.transferred.joined[:, [0, 32, 64, 96, 128]], stored['det_cross_bev'], 5e-3,
          'semantic transfer')
    close(output.transferred.heat[:, ::3], stored['det_dense_heatmap'], 5e-3, 'heat')
    close(output.camera.heat[:, ::3, [0, 3]], stored['det_img_dense_heatmap'], 2e-3, 'image heat')
    close(output.fused['heatmap'][..., order.both], stored['det_pred_heatmap'][..., 200:], 1e-3,
          'classes')
    check_lifted(output, {name: value for name, value in stored.items()}, 'det_', order)
    check_detections(head, output, stored, 'det_', 2e-3)


def test_the_converter_gives_the_whole_detector(golden, detector):
    conversion = convert(golden.published)
    assert conversion.config == 'sparsefusion_r50_nuscenes'
    assert dict(conversion.published) == QUIRKS
    assert set(conversion.weights) == set(detector.state_dict())
