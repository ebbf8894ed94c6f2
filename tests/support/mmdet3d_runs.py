"""mmdet3d's own configs, made small: two training steps and an evaluation on a CPU, one import."""
from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

IMPORT = dict(imports=['sparse3d.register'], allow_failed_imports=False)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
POINTS = 1024  # of a sampled cloud


def bev_options(prefix: str, head: str, inputs: int = 2) -> dict:
    """A narrow backbone and neck of one layer per stage."""
    widths = [16] * inputs
    return {f'model.{prefix}backbone.layer_nums': [1] * inputs,
            f'model.{prefix}backbone.out_channels': widths,
            f'model.{prefix}neck.in_channels': widths, f'model.{prefix}neck.out_channels': widths,
            f'model.{head}.in_channels': 16 * inputs}


ANCHORS = {'model.bbox_head.feat_channels': 32} | bev_options('', 'bbox_head')
PROPOSALS = bev_options('', 'rpn_head') | {
    'model.rpn_head.feat_channels': 32, 'model.train_cfg.rpn_proposal.nms_pre': 500,
    'model.train_cfg.rpn_proposal.nms_post': 40, 'model.train_cfg.rpn_proposal.max_num': 40,
    'model.train_cfg.rcnn.sampler.num': 16, 'model.test_cfg.rpn.nms_pre': 200,
    'model.test_cfg.rpn.nms_post': 20, 'model.test_cfg.rpn.max_num': 20}
KITTI = {
    'second/second_hv_secfpn_8xb6-80e_kitti-3d-3class.py': ANCHORS,
    'dynamic_voxelization/second_dv_secfpn_8xb6-80e_kitti-3d-car.py': ANCHORS,
    'dynamic_voxelization/pointpillars_dv_secfpn_8xb6-160e_kitti-3d-car.py':
        bev_options('', 'bbox_head', 3) | {'model.bbox_head.feat_channels': 48},
    'pv_rcnn/pv_rcnn_8xb2-80e_kitti-3d-3class.py':
        PROPOSALS | {'model.points_encoder.num_keypoints': 256},
    'parta2/parta2_hv_secfpn_8xb2-cyclic-80e_kitti-3d-3class.py': PROPOSALS,
    'point_rcnn/point-rcnn_8xb2_kitti-3d-3class.py': {
        'model.backbone.num_points': (256, 64, 32, 16),
        'model.train_cfg.rpn.rpn_proposal.nms_pre': 200,
        'model.train_cfg.rpn.rpn_proposal.nms_post': 40, 'model.train_cfg.rcnn.sampler.num': 16,
        'model.test_cfg.rpn.nms_cfg.nms_pre': 100, 'model.test_cfg.rpn.nms_cfg.nms_post': 20,
        'model.roi_head.bbox_roi_extractor.roi_layer.num_sampled_points': 128},
    '3dssd/3dssd_4xb4_kitti-3d-car.py': {
        'model.backbone.num_points': (256, 64, (32, 32)),
        'model.backbone.fps_sample_range_lists': (-1, -1, (64, -1)),
        'model.bbox_head.vote_module_cfg.num_points': 32,
        'model.bbox_head.vote_aggregation_cfg.num_point': 32},
    'mvxnet/mvxnet_fpn_dv_second_secfpn_8xb2-80e_kitti-3d-3class.py':
        bev_options('pts_', 'pts_bbox_head') | {
            'model.pts_bbox_head.feat_channels': 32, 'model.img_backbone.depth': 18,
            'model.img_backbone.style': 'pytorch',
            'model.img_neck.in_channels': [64, 128, 256, 512]},
}
NUSCENES = {
    'centerpoint/centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_nus-3d.py':
        bev_options('pts_', 'pts_bbox_head', 3) | {
            'model.pts_bbox_head.share_conv_channel': 16,
            'val_dataloader.dataset.metainfo.version': 'v1.0-mini'},  # as a small drive is called
}


def own_config(name: str, work: Path, options: dict) -> Config:
    """A config that ships with mmdet3d, with our one import and other options."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / 'config.py'
    file.write_text(f"_base_ = ['mmdet3d::{name}']\ncustom_imports = {IMPORT!r}\n")
    config = Config.fromfile(file)
    config.work_dir = str(work)
    config.merge_from_dict(options)
    return config


def make_short(config: Config) -> None:
    """Two training steps of two frames in this process, from random weights; small images."""
    for name in LOADERS:
        config[name].update(num_workers=0, persistent_workers=False, batch_size=1)
    config.train_dataloader.batch_size = 2
    config.train_cfg = dict(by_epoch=False, max_iters=2, val_begin=1000)
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    config.param_scheduler = []
    config.load_from = None
    shrink_model(config)


def shrink_model(config: dict) -> None:
    """Smaller clouds and pictures, and no weights from the network."""
    _each_dict(config, _shrink)


def _shrink(part: dict) -> None:
    kind = part.get('type')
    if kind == 'PointSample':
        part['num_points'] = POINTS
    if kind == 'RandomResize':
        part['scale'] = [(320, 96), (320, 96)]
    if kind == 'MultiScaleFlipAug3D':
        part['img_scale'] = (320, 96)
    if isinstance(part.get('init_cfg'), dict) and part['init_cfg'].get('type') == 'Pretrained':
        part['init_cfg'] = None


def _each_dict(part, change) -> None:
    if isinstance(part, dict):
        change(part)
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for value in part:
            _each_dict(value, change)


def train_and_evaluate(config: Config) -> tuple[list[dict], dict]:
    """Losses of every training step, and the metrics of the evaluation after the last."""
    runner = Runner.from_cfg(config)
    losses: list[dict] = []
    upstream = runner.model.train_step

    def train_step(*args, **kwargs):
        losses.append({key: float(value) for key, value in upstream(*args, **kwargs).items()})
        return losses[-1]

    runner.model.train_step = train_step
    runner.train()
    return losses, runner.val()
