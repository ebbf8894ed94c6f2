"""Every repair leaves alone what upstream does rightly: the same result as without it."""
from __future__ import annotations

import copy
import pickle
import sys
import warnings
from importlib import import_module
from types import SimpleNamespace

import mmengine
import numpy as np
import pytest
import spconv.pytorch as spconv
import torch
from mmengine.config import Config
from mmengine.registry import MODELS as ENGINE_MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401
from sparse3d.compat import PATCHES

SOUND = {}


def sound(case):
    """Add the case of the repair that it is named after."""
    SOUND[case.__name__] = case
    return case


def voxels(channels: int = 4, tensor: type = spconv.SparseConvTensor):
    indices = (torch.rand(2, 5, 6, 7) < 0.3).nonzero().int()
    return tensor(torch.randn(len(indices), channels), indices, [5, 6, 7], 2)


def drawn_alike(function, *arguments):
    np.random.seed(3)
    return function(*arguments)


@sound
def nuscenes_devkit(tmp_path, monkeypatch):
    nuscenes = pytest.importorskip('nuscenes', reason='needed here: there is no devkit')
    import_module('sparse3d.compat.nuscenes_devkit').apply_patch()
    assert sys.modules['nuscenes'] is nuscenes and nuscenes.__file__


@sound
def activation_checkpointing(tmp_path, monkeypatch):
    """Whoever says which kind gets it."""
    from torch.utils import checkpoint as upstream

    from sparse3d.compat.activation_checkpointing import checkpoint
    called = []
    monkeypatch.setattr(upstream, 'checkpoint', lambda *given, **options: called.append(options))
    checkpoint(torch.relu, torch.ones(2), use_reentrant=True)
    assert called == [dict(use_reentrant=True)]


@sound
def center_point_limits(tmp_path, monkeypatch):
    """In the first frame."""
    from mmdet3d.models.task_modules.coders import CenterPointBBoxCoder
    maps = [torch.rand(1, channels, 8, 8) for channels in (1, 1, 1, 1, 3)]
    ours = CenterPointBBoxCoder.decode
    found, wanted = (of(CenterPointBBoxCoder([-8, -8], 2, [1, 1], [-8., -8, -9, 8, 8, 9],
                                             max_num=5), *maps, None)[0]
                     for of in (ours, ours.upstream))
    assert all(torch.equal(found[key], wanted[key]) for key in ('bboxes', 'scores', 'labels'))


@sound
def checkpoint_loading(tmp_path, monkeypatch):
    from mmengine.runner import load_checkpoint
    layer = nn.Linear(3, 2)
    torch.save(dict(state_dict=layer.state_dict(), meta=dict(epoch=3)), tmp_path / 'a.pth')
    found = load_checkpoint(nn.Linear(3, 2), str(tmp_path / 'a.pth'), map_location='cpu')
    wanted = torch.load(tmp_path / 'a.pth', weights_only=True)
    assert found['meta'] == wanted['meta'] == dict(epoch=3)
    assert all(torch.equal(found['state_dict'][key], wanted['state_dict'][key])
               for key in wanted['state_dict'])


@sound
def class_balanced_sampling(tmp_path, monkeypatch):
    from mmdet3d.datasets.dataset_wrappers import CBGSDataset
    labels = [[0], [0, 1], [1], [0], [2]]

    class Frames(list):
        get_cat_ids = list.__getitem__

    owner = SimpleNamespace(metainfo=dict(classes=('a', 'b', 'c')))
    ours = CBGSDataset._get_sample_indices
    assert drawn_alike(ours, owner, Frames(labels)) == drawn_alike(
        ours.upstream, owner, Frames(labels))


@sound
def config_scope(tmp_path, monkeypatch):
    path, scope = Config._get_cfg_path('mmdet3d::_base_/default_runtime.py', '')
    assert scope == 'mmdet3d' and 'mmdet3d/.mim/configs' in path
    assert Config._get_cfg_path('own.py', str(tmp_path / 'config.py')) == (
        str(tmp_path / 'own.py'), None)


@sound
def empty_object_database(tmp_path, monkeypatch):
    from mmdet3d.datasets.transforms.dbsampler import DataBaseSampler
    init_default_scope('mmdet3d')
    car = dict(name='Car', path='car.bin', num_points_in_gt=9, difficulty=0, group_id=0)
    cars = [dict(car, box3d_lidar=np.array([x, 5, -1, 4, 2, 1.5, 0.])) for x in (9, 20, 40)]
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps({'Car': cars}))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        first, second = (DataBaseSampler(
            data_root=str(tmp_path), info_path=str(tmp_path / 'infos.pkl'), rate=1.0,
            prepare=dict(filter_by_min_points=dict(Car=5)), classes=['Car'],
            sample_groups=dict(Car=2)) for _ in range(2))
    first.sampler_dict['Car']._indices = second.sampler_dict['Car']._indices = np.arange(3)
    ours = DataBaseSampler.sample_class_v2
    given = 'Car', 2, np.zeros((0, 7))
    assert str(ours(first, *given)) == str(ours.upstream(second, *given)) != '[]'


@sound
def h3dnet_sum(tmp_path, monkeypatch):
    from sparse3d.compat.h3dnet_sum import _copy
    layer = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    values = torch.randn(5, 4)
    wanted = layer(values)
    layer.register_forward_hook(_copy)
    assert torch.equal(layer(values), wanted)


@sound
def info_files(tmp_path, monkeypatch):
    content = dict(metainfo=dict(version=1), data_list=[np.arange(3.0), 'a', None, (1, 2)])
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content))
    assert str(mmengine.load(tmp_path / 'a.pkl')) == str(content)


@sound
def minkunet_voxels(tmp_path, monkeypatch):
    from mmdet3d.models.data_preprocessors.data_preprocessor import Det3DDataPreprocessor
    layer = dict(max_num_points=5, point_cloud_range=[-9, -9, -9, 9, 9, 9], voxel_size=[1.0] * 3,
                 max_voxels=(50, 50))
    owner = Det3DDataPreprocessor(voxel=True, voxel_layer=layer)
    clouds = [torch.rand(200, 4) * 4 - 2]
    ours, theirs = (voxelize(owner, clouds, [None]) for voxelize in (
        Det3DDataPreprocessor.voxelize, Det3DDataPreprocessor.voxelize.upstream))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs) and len(theirs['voxels'])


@sound
def mmcv_point_operators(tmp_path, monkeypatch):
    """Tensors elsewhere go to mmcv's kernel; what has a CPU form is mmcv's."""
    from sparse3d.compat import mmcv_point_operators as repair
    calls = []
    repair._on_cpu(lambda *given: calls.append(given), pytest.fail)(torch.empty(3, device='meta'))
    extension = import_module('mmcv._ext')
    assert len(calls) == 1 and not hasattr(extension.nms_rotated, 'upstream')


@sound
def mmcv_sparse_cpu(tmp_path, monkeypatch):
    from mmcv.ops import SparseConvTensor, SubMConv3d
    from mmcv.ops.sparse_conv import SparseConvolution
    layer, tensor = SubMConv3d(4, 3, 1), voxels(tensor=SparseConvTensor)
    wanted = SparseConvolution.forward.upstream(layer, tensor).features
    assert torch.equal(layer(tensor).features, wanted)


@sound
def multi_sweep(tmp_path, monkeypatch):
    """A vehicle that does not turn."""
    from mmdet3d.datasets.transforms import LoadPointsFromMultiSweeps
    from mmdet3d.structures import LiDARPoints
    np.random.rand(9, 5).astype(np.float32).tofile(tmp_path / 'a.bin')
    pose = np.eye(4)
    pose[:3, 3] = 5, 1, 0.2
    sample = dict(points=LiDARPoints(torch.rand(4, 5), 5), timestamp=1.0, lidar_sweeps=[dict(
        timestamp=0.5, lidar_points=dict(lidar_path=str(tmp_path / 'a.bin'), lidar2sensor=pose))])
    loader = LoadPointsFromMultiSweeps(sweeps_num=1, test_mode=True, use_dim=[0, 1, 2, 3, 4])
    ours = LoadPointsFromMultiSweeps.transform
    found, wanted = (load(loader, copy.deepcopy(sample)) for load in (ours, ours.upstream))
    assert torch.equal(found['points'].tensor, wanted['points'].tensor)


@sound
def nms_types(tmp_path, monkeypatch):
    from mmdet3d.models.layers import box3d_nms
    boxes = torch.rand(20, 5) * torch.tensor([9, 9, 3, 2, 3.0])
    scores = torch.rand(20)
    ours = box3d_nms.nms_rotated
    for found, wanted in zip(ours(boxes, scores, 0.3), ours.upstream(boxes, scores, 0.3),
                             strict=True):
        assert torch.equal(found, wanted) and found.dtype == wanted.dtype


@sound
def numpy_names(tmp_path, monkeypatch):
    from sparse3d.compat.numpy_names import MODULES, REMOVED
    own = object()
    name = next(iter(REMOVED))
    monkeypatch.setattr(np, name, own, raising=False)
    module = import_module(MODULES[0])
    assert module.np.pi is np.pi and getattr(module.np, name) is own


@sound
def one_cycle(tmp_path, monkeypatch):
    from mmengine.optim.scheduler import OneCycleLR
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    def rates():
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        schedule = OneCycleLR(optimizer, eta_max=1.0, total_steps=20)
        for _ in range(20):
            yield optimizer.param_groups[0]['lr']
            optimizer.step()
            schedule.step()

    ours = list(rates())
    monkeypatch.setattr(OneCycleParamScheduler, '_get_value',
                        OneCycleParamScheduler._get_value.upstream)
    assert ours == list(rates())


@sound
def one_row_batch_norm(tmp_path, monkeypatch):
    ours, theirs, values = ENGINE_MODELS.get('BN1d')(4), nn.BatchNorm1d(4), torch.randn(7, 4)
    assert torch.equal(ours(values), theirs(values))
    assert torch.equal(ours.running_var, theirs.running_var)


@sound
def spconv_cpu(tmp_path, monkeypatch):
    """Where spconv is chosen, it does the work with what it was given."""
    repair = import_module('sparse3d.compat.spconv_cpu')

    class Layer:
        def forward(self, *given, **options):
            return given, options

    repair._route(Layer, 'forward', pytest.fail, pytest.fail)
    monkeypatch.setattr(repair, 'sparse_backend', lambda device: 'spconv')
    tensor = voxels()
    assert Layer().forward(tensor, 1, name='a') == ((tensor, 1), dict(name='a'))


@sound
@pytest.mark.filterwarnings('ignore')
def spconv_dense(tmp_path, monkeypatch):
    from spconv.pytorch import core
    given = torch.tensor([[0, 1], [1, 0]]), torch.randn(2, 3), [2, 2, 3]
    assert torch.equal(core.scatter_nd(*given), core.scatter_nd.upstream(*given))


@sound
def spconv_pointwise_weights(tmp_path, monkeypatch):
    """Kernels of more than one cell are read as they are shown, and have no layout to choose."""
    from sparse3d.compat.spconv_pointwise_weights import set_pointwise_layout
    layer, tensor = spconv.SubMConv3d(4, 3, 3), voxels()
    wanted = layer(tensor).features
    assert set_pointwise_layout(layer, 'plain') == 0
    assert torch.equal(layer(tensor).features, wanted)


@sound
def voxelization(tmp_path, monkeypatch):
    from sparse3d.compat.voxelization import MODULES
    points: Tensor = torch.rand(50, 4) * 9
    for name in MODULES:
        ours = import_module(name)._Voxelization.forward
        found, wanted = (forward(None, points, [1.0] * 3, [0, 0, 0, 9, 9, 9], -1, -1)
                         for forward in (ours, ours.upstream))
        assert torch.equal(found, wanted)


@sound
def voxelnet_samples(tmp_path, monkeypatch):
    from mmdet3d.models.detectors import VoxelNet

    from sparse3d.engine.trial_step import Trial
    trial = Trial.of('pointpillars_simulated_kitti_car')
    model = trial.model.eval()
    inputs = model.data_preprocessor(trial.batch(samples=2), False)['inputs']
    with torch.no_grad():
        found, wanted = (extract(model, inputs)[0] for extract in (
            VoxelNet.extract_feat, VoxelNet.extract_feat.upstream))
    assert torch.equal(found, wanted) and len(found) == 2


@sound
def rotated_iou(tmp_path, monkeypatch):
    """The kernels need a GPU; where they are right is known in closed form."""
    from sparse3d.compat.rotated_iou import rotate_iou_gpu_eval
    one, other = np.array([[0.0, 0, 4, 2, 0]]), np.array([[1.0, 0.5, 4, 2, 0]])
    assert rotate_iou_gpu_eval(one, other) == pytest.approx(4.5 / (16 - 4.5), abs=1e-6)


@pytest.mark.parametrize('name', PATCHES)
def test_the_repair_does_nothing(name, tmp_path, monkeypatch):
    SOUND[name](tmp_path, monkeypatch)
