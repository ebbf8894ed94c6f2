"""The models of the stored outputs, on any device: what ``gpu-check`` runs beside the CPU.

That the CPU gives what the released code gave is tested with each plug-in; that a GPU gives what
the CPU gives, where the stored inputs lie, is for who has one: ``sparse3d gpu-check``.
"""
from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

TESTS = Path(__file__).resolve().parents[1]
# Name of the plug-in -> function of the device and the folder of stored outputs.
RUNS: dict[str, Callable[[str, Path], Any]] = {}


def golden(run: Callable[[str, Path], Any]) -> Callable[[str, Path], Any]:
    """Add the run of the plug-in that the function is named after."""
    RUNS[run.__name__] = torch.no_grad()(run)
    return run


def _fixtures_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f'{name}_stored', TESTS / name / 'conftest.py')
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _in_order(coordinates: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Rows by their cells: devices list voxels in different orders."""
    order = np.lexsort(coordinates.cpu().numpy().T[::-1])
    rows = torch.from_numpy(order.copy()).to(coordinates.device)
    return coordinates[rows], values[rows]


@golden
def focalsconv(device: str, folder: Path) -> Any:
    """The KITTI encoder: its map."""
    from focalsconv_golden import KITTI, Golden
    stored = Golden(folder)
    features, coordinates = (table.to(device) for table in stored.voxels('kitti_topk'))
    return stored.encoder('state', **KITTI).to(device).encode(features, coordinates, 2)[0]


@golden
def dsvt(device: str, folder: Path) -> Any:
    """The pillar model on stored clouds: maps of the backbone and the head."""
    from dsvt.published_checkpoint import COUNTER, translate
    of_tests = _fixtures_of('dsvt')
    stored = of_tests.Golden(folder)
    model = of_tests.small_waymo_model('pillar', published=True)
    model.load_state_dict({translate(name): value for name, value
                           in stored.published_state('pillar').items() if name != COUNTER})
    model = model.to(device)
    batch = model.data_preprocessor(dict(
        inputs=dict(points=[cloud.to(device) for cloud in stored.clouds('waymo')]),
        data_samples=None), False)
    voxels = batch['inputs']['voxels']
    flat = model.middle_encoder(*model.voxel_encoder(voxels['voxels'], voxels['coors']), 2)
    bev = model.backbone(flat)
    return flat, bev, model.bbox_head(bev)


@golden
def voxelkp(device: str, folder: Path) -> Any:
    """Encoder, fusion and head on two stored frames."""
    of_tests = _fixtures_of('voxelkp')
    model = of_tests.PublishedParts(of_tests.convert_weights(of_tests.published_state())[0])
    features, coordinates = of_tests.Golden().voxels()
    found = model.eval().to(device)(features.to(device), coordinates.to(device), 2)
    return [_in_order(found.coordinates, getattr(found, name))
            for name in of_tests.BRANCHES.values()]


@golden
def sparsebev(device: str, folder: Path) -> Any:
    """The head of two frames on stored maps: logits and codes of every pass."""
    import sparsebev_published as published
    from sparsebev.head import SparseBEVHead
    from sparsebev.published_checkpoint import SAMPLING_AS_PUBLISHED
    from sparsebev.published_names import ours
    from sparsebev.views import views_of_batch
    of_tests = _fixtures_of('sparsebev')
    head = SparseBEVHead(10, 25, (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0),
                         decoder=dict(num_frames=2, num_levels=4, num_points=4, dropout=0.0),
                         published=SAMPLING_AS_PUBLISHED)
    state = published.published_state(of_tests.FIXTURES / 'state_a.json')
    head.load_state_dict({ours(key).removeprefix('bbox_head.'): value
                          for key, value in state.items() if ours(key)})
    maps = [torch.from_numpy(16 * published.filled(f'gpu.{level}', (2, 12, 256, *size))).to(device)
            for level, size in enumerate([(8, 24), (4, 12), (2, 6), (1, 3)])]
    stored = of_tests.tensors(of_tests.FIXTURES / 'heads_inputs.npz')
    metas = [dict(lidar2img=matrices, img_timestamp=seconds) for matrices, seconds in zip(
        stored['a_lidar2img'], stored['a_timestamp'], strict=True)]
    found = head.eval().to(device)(maps, views_of_batch(metas, 2, (64, 192), device))
    return found['logits'], found['codes']


@golden
def sparsefusion(device: str, folder: Path) -> Any:
    """The whole detector on a stored frame: maps of the LiDAR and heat maps."""
    from mmdet3d.registry import MODELS
    from mmdet3d.structures import Det3DDataSample

    import sparsefusion_golden as case
    stored = case.Golden(folder)
    model = MODELS.build(stored.config(**case.SMALL).model)
    model.load_state_dict(stored.converted)
    model = model.eval().to(device)
    arrays = stored.inputs
    sample = Det3DDataSample(metainfo=dict(
        img_shape=tuple(arrays['img_shape']),
        lidar2img=case.projections(*(arrays[name] for name in (
            'cam_intrinsic', 'lidar2cam_r', 'lidar2cam_t')))))
    data = model.data_preprocessor(dict(
        inputs=dict(points=[torch.from_numpy(arrays['points'])],
                    img=[torch.from_numpy(arrays['images']).permute(0, 3, 1, 2)]),
        data_samples=[sample]))
    output = model.bbox_head(model.scene(data['inputs'], data['data_samples']))
    return output.bev, output.transferred.heat, output.camera.heat


@golden
def sparse4d(device: str, folder: Path) -> Any:
    """The operator on stored places, with gradients; the first layer of v3 on drawn maps."""
    from sparse3d.ops.deformable_aggregation import deformable_aggregation
    from sparse3d.ops.packed_maps import PackedMaps
    from sparse4d_golden import arrays, frame_of, head_of, maps_of_head
    head = head_of(folder / 'sparse4d', 'v3').to(device)
    frame = frame_of(arrays(folder / 'sparse4d', 'inputs'), 0)
    frame = replace(frame, cameras=frame.cameras.to(device, torch.float32))
    outputs, _ = head([level.to(device) for level in maps_of_head('v3', 0)], frame)
    stored = arrays(TESTS / 'fixtures' / 'sparse4d', 'aggregation')
    leaves = [stored[f'op_{name}'].to(device).requires_grad_()
              for name in ('feat', 'loc', 'weight')]
    sizes = tuple(tuple(map(tuple, levels)) for levels in stored['op_spatial_shape'].tolist())
    with torch.enable_grad():
        read = deformable_aggregation(PackedMaps(leaves[0], sizes), *leaves[1:])
        (read * stored['op_gradout'].to(device)).sum().backward()
    return outputs.logits[0], outputs.anchors[0], read.detach(), [leaf.grad for leaf in leaves]
