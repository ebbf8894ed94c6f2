"""New models begin with the distributions of the released code, parameter by parameter."""
from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from sparse3d.engine.initial_weights import draw_initial_weights
from sparse3d.engine.load_config import load_config

TABLE = json.loads((Path(__file__).parent / 'fixtures' / 'initial_weights.json').read_text())
# Parts that begin otherwise than in the release unless initial_weights='released', and how. Of
# HEDNet's and SAFDNet's published configs that is the default.
MAPS = [[r'backbone\..*weight|neck\.deblocks\.1\.0\.weight', 'kaiming normal, outputs']]
OF_TRANSFUSION = [*MAPS, [r'middle_encoder\..*weight|neck\.deblocks\.0\.0\.weight', 'linear']]
OF_KITTI = [*MAPS, [r'neck\.deblocks\.0\.0\.weight', 'kaiming normal, outputs'],
            [r'image_encoder\.reduction\.conv\.weight', 'kaiming normal, outputs'],
            [r'rpn_head\.\w+\.weight', 'normal', 0.01],
            [r'rpn_head\.conv_(reg|dir_cls)\.bias', 'constant', 0],
            [r'roi_head\.pooling\..*weight', 'linear']]
OF_SAFDNET = [
    [r'(middle_encoder|diffusion)\..*\.(first|second)\.0\.weight', 'linear'],
    [r'diffusion\.cls_(unit\.0|output)\.weight', 'linear']]
OF_HEDNET = [[r'middle_encoder\..*\.(first|second)\.0\.weight', 'linear'],
             [r'backbone\.layers\.\d+\.encoder\..*weight', 'linear']]
STEM = [r'middle_encoder\.stem\.0\.0\.weight', 'linear']
OWN = {
    'safdnet_argoverse2_24e': [*OF_SAFDNET, STEM],
    'safdnet_nuscenes_20e': [
        *OF_SAFDNET, [r'bbox_head\.heat\.3\.bias', 'constant', -2.19],
        [r'bbox_head\.decoder\.branches\..*weight', 'linear'],
        [r'bbox_head\.decoder\.branches\.branches\.(?!heatmap)\w+\.3\.bias', 'bias of linear']],
    'hednet_waymo_1frame_24e': [
        *OF_HEDNET, STEM, [r'bbox_head\.task_heads\.\d+\.heatmap\..*weight', 'kaiming normal']],
    'hednet_nuscenes_20e': [
        *OF_HEDNET, [r'bbox_head\.(heat|decoder\.branches\.branches\.heatmap)\.3\.bias',
                     'constant', -2.19]],
    'transfusion_l_nuscenes': [
        *OF_TRANSFUSION,
        [r'bbox_head\.(heat|decoder\.branches\.branches\.\w+)\.0\.weight', 'linear'],
        [r'bbox_head\.(heat|decoder\.branches\.branches\.heatmap)\.3\.bias', 'constant', -2.19]],
    'sparsefusion_r50_nuscenes': [
        *OF_TRANSFUSION,
        [r'bbox_head\..*\.(heatmap|cls)\.3\.bias|bbox_head\.semantic_transfer\.heat\.bias|'
         r'bbox_head\.camera_detector\.heat\.\d\.1\.bias', 'constant', -2.19],
        [r'bbox_head\.camera_detector\.branches\.branches\.depth_2d\.4\.bias', 'constant', 14]],
    'voxelkp_waymo': [
        [r'bbox_head\.branches\.\w+\.output\.weight', 'normal', 0.01],
        [r'bbox_head\.branches\..*weight', 'linear']],
    'focalsconv_f_centerpoint_nuscenes': [
        *MAPS, [r'(image_encoder\.reduction|bbox_head\.shared_conv|bbox_head\.task_heads\.\d+\.'
                r'heatmap\.0)\.conv\.weight', 'kaiming normal, outputs'],
        [r'bbox_head\.task_heads\.\d+\.\w+\.1\.weight', 'normal', 0.01]],
    'focalsconv_f_voxel_rcnn_kitti_car': OF_KITTI,
    'focalsconv_f_pv_rcnn_kitti_3class': [
        *OF_KITTI, [r'keypoint_encoder\.(raw_point_layer|stage_layers)\..*weight', 'linear'],
        [r'roi_head\.score_out\.weight', 'normal', 0.01]],
}
DEVIATIONS = 6  # standard errors; 300 parameters never come that far by chance


@pytest.fixture(params=TABLE)
def system(request) -> dict:
    return TABLE[request.param]


def build(name: str, part: str | None = None) -> nn.Module:
    init_default_scope('mmdet3d')
    config = load_config(name).model
    config = {key: value for key, value in config.items() if key != 'data_preprocessor'}
    torch.manual_seed(1)
    built = MODELS.build(config[part] if part else config)
    if hasattr(built, 'init_weights'):
        built.init_weights()
    return built


def test_every_parameter_begins_as_in_the_release(system):
    check(build(system['config'], system.get('part')), system['laws'])


@pytest.mark.slow
@pytest.mark.parametrize('name', OWN)
def test_every_parameter_begins_as_in_the_release_if_asked(name):
    """Without the option the parts in OWN, and no others, begin otherwise."""
    released = load_config(name).released_weights
    model = build(name)
    check(model, [*OWN[name], *released], every_row=False)
    for number in range(len(OWN[name])):
        with pytest.raises(AssertionError):
            check(model, [*OWN[name][:number], *OWN[name][number + 1:], *released], False)
    draw_initial_weights(model, released)
    # One table serves both heads of HEDNet and of SAFDNet: neither model needs all of its rows.
    check(model, released, every_row=not name.startswith(('safdnet_', 'hednet_')))


def check(model: nn.Module, laws: list[list], every_row: bool = True) -> None:
    """Hold every parameter against the first row that names it."""
    parameters = dict(model.named_parameters())
    assert len(parameters) > 30
    used = set()
    for name, value in parameters.items():
        row = next((number for number, (pattern, *_) in enumerate(laws)
                    if re.fullmatch(pattern, name)), None)
        assert row is not None, f'no law for {name}'
        used.add(row)
        _, law, *numbers = laws[row]
        module = type(model.get_submodule(name.rpartition('.')[0])).__name__
        if law == 'as built':
            continue
        if 'norm' in module.lower():
            law, numbers = 'constant', [int(name.endswith('weight'))]
        fault = fault_of(value.detach().double(), law, numbers, parameters, name)
        assert not fault, f'{name} ({law}): {fault}'
    assert not every_row or used == set(range(len(laws)))


def test_another_distribution_would_be_seen():
    weight = torch.empty(256, 256, dtype=torch.float64)
    nn.init.xavier_uniform_(weight)
    assert not fault_of(weight, 'xavier', [], {}, '')
    for law, numbers in (('linear', []), ('kaiming normal', []), ('constant', [0]),
                         ('normal', [1]), ('uniform', [0, 2])):
        assert fault_of(weight, law, numbers, {}, '')


def fault_of(value: Tensor, law: str, numbers: list[float], parameters: dict, name: str) -> str:
    """What speaks against a law, or nothing."""
    if law == 'columns':
        return grid_fault(value)
    if law == 'constant':
        return '' if torch.allclose(value, torch.full_like(value, numbers[0])) else (
            f'from {value.min():g} to {value.max():g}, not {numbers[0]:g}')
    if 'normal' in law:
        fan_out = value.shape[0] * math.prod(value.shape[2:])
        spread = numbers[0] if numbers else math.sqrt(2 / {
            'kaiming normal': fan_in(value), 'kaiming normal, outputs': fan_out,
            'xavier normal': fan_in(value) + fan_out}[law])
        return spread_fault(value, 0.0, spread, kurtosis=3.0)
    if value.numel() > 1 and value.min() == value.max():
        return f'all are {value.max():g}'
    low, high = bounds(value, law, numbers, parameters, name)
    if value.min() < low - 1e-6 or value.max() > high + 1e-6:
        return f'from {value.min():g} to {value.max():g}, outside of {low:g} to {high:g}'
    return spread_fault(value, (low + high) / 2, (high - low) / math.sqrt(12), kurtosis=1.8)


def bounds(value: Tensor, law: str, numbers: list[float], parameters: dict,
           name: str) -> tuple[float, float]:
    """The ends of a uniform distribution."""
    if law == 'uniform':
        return numbers[0], numbers[1]
    if law == 'xavier':
        fan_out = value.shape[0] * math.prod(value.shape[2:])
        edge = math.sqrt(6 / (fan_in(value) + fan_out))
    elif law == 'sparse 1.x':  # kernel sizes after the first, inputs, outputs
        edge = 1 / math.sqrt(math.prod(value.shape[2:]) * value.shape[0])
    else:
        weight = value if law == 'linear' else parameters[name.removesuffix('bias') + 'weight']
        edge = 1 / math.sqrt(fan_in(weight))
    return -edge, edge


def fan_in(weight: Tensor) -> int:
    return math.prod(weight.shape[1:])


def spread_fault(value: Tensor, mean: float, spread: float, kurtosis: float) -> str:
    """Mean and standard deviation within their standard errors."""
    count = value.numel()
    off = abs(value.mean().item() - mean) / (spread / math.sqrt(count))
    if off > DEVIATIONS:
        return f'mean {value.mean():g} instead of {mean:g}'
    found = (value - mean).square().mean().item() / spread ** 2
    if abs(found - 1) > DEVIATIONS * math.sqrt((kurtosis - 1) / count):
        return f'standard deviation {math.sqrt(found) * spread:g} instead of {spread:g}'
    return ''


def grid_fault(boxes: Tensor) -> str:
    """Query boxes: a grid in x and y, fixed height, size and speed, the rest normal."""
    side = math.isqrt(len(boxes))
    line = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    wanted = torch.stack([line.repeat_interleave(side), line.repeat(side)], 1)
    fixed = boxes[:, [2, 5, 8, 9]] - torch.tensor([0, 1.5, 0, 0], dtype=torch.float64)
    if not torch.allclose(boxes[:, :2], wanted, atol=1e-6) or fixed.any():
        return 'another grid, height or speed'
    return spread_fault(boxes[:, [3, 4, 6, 7]], 0.0, 1.0, kurtosis=3.0)
