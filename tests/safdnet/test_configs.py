"""Every config is read, its model built; small ones run and train; recipes are the released."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from sparse3d.engine.agreement import check_config
from sparse3d.engine.load_config import load_config
from sparse3d.published import set_of

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'safdnet'
CONFIGS = sorted(FOLDER.glob('*.py'))


@pytest.fixture(scope='module', params=CONFIGS, ids=lambda path: path.stem)
def config(request):
    return load_config(request.param)


def test_published_quirks_are_off(config):
    assert set_of(config.model) in (None, type(set_of(config.model))())


def clouds(model, counts) -> list[torch.Tensor]:
    """Points in the middle of the range."""
    limits = torch.tensor(model.voxel_encoder.limits[1])
    low, high = limits[:3], limits[3:]
    middle, reach = (low + high) / 2, (high - low) / torch.tensor([4, 4, 2])
    columns = model.voxel_encoder.pfn_layers[0].linear.in_features - 9
    return [torch.cat([middle + (torch.rand(count, 3) * 2 - 1) * reach / 2,
                       torch.rand(count, columns)], 1) for count in counts]


def batch_of(model, config, counts, objects=3):
    width = 9 if any(part in config.filename for part in ('nuscenes', '4frames')) else 7
    samples = []
    for _ in counts:
        boxes = torch.rand(objects, width) * 4 + torch.tensor([1.] * width)
        sample = Det3DDataSample()
        sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=width),
            labels_3d=torch.arange(objects))
        samples.append(sample)
    return model.data_preprocessor({'inputs': {'points': clouds(model, counts)},
                                    'data_samples': samples}, True)


def test_the_model_is_built(config):
    init_default_scope('mmdet3d')
    model = MODELS.build(config.model)
    shape, (x, y, z) = model.middle_encoder.sparse_shape, model.voxel_encoder.grid
    assert shape == [z if z == 1 else z + 1, y, x]
    head = model.bbox_head
    stride = 2 if z == 1 else 2 ** len(config.model.middle_encoder.stem_channels)
    assert head.coder.grid.shape == (x // stride, y // stride)


def test_a_step_a_prediction_and_no_point(config, small_model):
    """On a smaller grid: the released ones want a GPU's memory for a step."""
    twin = config.filename.replace('_12e', '_24e')
    if twin != config.filename and Path(twin).is_file():
        return  # the same model
    model = small_model(config).train()
    for counts, objects in (((300, 0), 3), ((0, 0), 0)):
        batch = batch_of(model, config, counts, objects)
        losses = model.loss(batch['inputs'], batch['data_samples'])
        total = sum(value for name, value in losses.items() if 'loss' in name)
        assert total.isfinite()
        total.backward()
    gradients = [value.grad for value in model.parameters() if value.grad is not None]
    assert gradients and all(value.isfinite().all() for value in gradients)
    model.eval()
    for counts in ((300, 0), (0, 0), (0, 200)):
        batch = batch_of(model, config, counts)
        with torch.no_grad():
            found = model.predict(batch['inputs'], batch['data_samples'])
        assert len(found) == 2
        for sample in found:
            assert sample.pred_instances_3d.bboxes_3d.tensor.isfinite().all()


def test_data_and_model_agree(config):
    check_config(config, ('train', 'val', 'test'))
