"""Which families of mmdet3d's configs run on a CPU: a training step and a prediction of each.

    python tests/support/mmdet3d_families.py --out families.json          # goes on where it stopped
    python tests/support/mmdet3d_families.py --out families.json --page   # the table of the page

A model is made small as in the tests (:mod:`mmdet3d_runs`) and gets two frames drawn at random.
"""
from __future__ import annotations

import argparse
import json
import re
import signal
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch

from drawn_frames import (
    camera_frame,
    lidar_frame,
    multi_view_frame,
    room_frame,
    street_segments,
)
from mmdet3d_runs import ANCHORS, KITTI, NUSCENES, bev_options, own_config, shrink_model
from sparse3d.atomic_files import write_bytes_atomically

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'coming_from.md'
MARKS = '<!-- families of mmdet3d -->', '<!-- end of families -->'
SECONDS = 90  # of the processor, per family

REGNET = {'model.pts_backbone.arch': 'regnetx_400mf', 'model.pts_neck.in_channels': [64, 160, 384]}
IMAGE_NET = {'model.backbone.depth': 50}
ROOM = {'model.backbone.num_points': (128, 64, 32, 16)}
VOTES = {'model.bbox_head.vote_aggregation_cfg.num_point': 16}
SEGMENTS = {'model.backbone.num_points': (128, 64, 32, 16), 'model.test_cfg.num_points': 256}


def kitti(classes: int = 3, **options) -> Callable:
    return lambda training: lidar_frame(1024, 4, classes, **options)


def nuscenes(columns: int) -> Callable:
    return lambda training: lidar_frame(1024, columns, 10, velocity=True)


def camera(classes: int, code_size: int = 7) -> Callable:
    return lambda training: camera_frame(classes, code_size)


def room(points: int, columns: int, classes: int) -> Callable:
    return lambda training: room_frame(points, columns, classes)


def colored_room(classes: int) -> Callable:
    """In training positions in the room are three more columns; a prediction makes its own."""
    return lambda training: room_frame(512, 9 if training else 6, classes)


def street(classes: int) -> Callable:
    return lambda training: street_segments(1024, classes)


# Family -> the config that stands for it, what makes it small, and its frames.
FAMILIES: dict[str, tuple[str, dict, Callable]] = {
    '3dssd': ('3dssd_4xb4_kitti-3d-car.py', {}, kitti(1)),
    'benchmark': ('hv_second_secfpn_4x8_80e_pcdet_kitti-3d-3class.py', ANCHORS, kitti()),
    'centerpoint': (
        'centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_nus-3d.py', {}, nuscenes(5)),
    'cylinder3d': ('cylinder3d_4xb4-3x_semantickitti.py', {}, street(20)),
    'dgcnn': ('dgcnn_4xb32-cosine-100e_s3dis-seg_test-area1.py',
              {'model.test_cfg.num_points': 256}, colored_room(13)),
    'dynamic_voxelization': ('second_dv_secfpn_8xb6-80e_kitti-3d-car.py', {}, kitti(1)),
    'fcaf3d': ('fcaf3d_2xb8_scannet-3d-18class.py', {}, room(1024, 6, 18)),
    'fcos3d': ('fcos3d_r101-caffe-dcn_fpn_head-gn_8xb2-1x_nus-mono3d.py', IMAGE_NET,
               camera(10, 9)),
    'free_anchor': ('pointpillars_hv_fpn_head-free-anchor_sbn-all_8xb4-2x_nus-3d.py', {},
                    nuscenes(4)),
    'groupfree3d': ('groupfree3d_head-L6-O256_4xb8_scannet-seg.py',
                    ROOM | {'model.bbox_head.num_proposal': 16}, room(1024, 3, 18)),
    'h3dnet': ('h3dnet_8xb3_scannet-seg.py', {}, room(2048, 4, 18)),
    'imvotenet': ('imvotenet_faster-rcnn-r50_fpn_4xb2_sunrgbd-3d.py', {}, camera(10)),
    'imvoxelnet': ('imvoxelnet_8xb4_kitti-3d-car.py', {'model.n_voxels': [48, 56, 12]},
                   kitti(1, image=True)),
    'minkunet': ('minkunet34_w32_spconv_8xb2-laser-polar-mix-3x_semantickitti.py', {},
                 street(19)),
    'mvfcos3d': ('multiview-fcos3d_r101-dcn_8xb2_waymoD5-3d-3class.py',
                 {'model.voxel_size': (2.0, 2.0, 0.5)}, lambda training: multi_view_frame(3)),
    'mvxnet': ('mvxnet_fpn_dv_second_secfpn_8xb2-80e_kitti-3d-3class.py', {},
               kitti(3, image=True)),
    'nuimages': ('mask-rcnn_r50_fpn_1x_nuim.py', {}, camera(10)),
    'paconv': ('paconv_ssg-cuda_8xb8-cosine-200e_s3dis-seg.py', SEGMENTS,
               colored_room(13)),
    'parta2': ('parta2_hv_secfpn_8xb2-cyclic-80e_kitti-3d-3class.py', {}, kitti()),
    'pgd': ('pgd_r101-caffe_fpn_head-gn_4xb3-4x_kitti-mono3d.py', IMAGE_NET,
            camera(3)),
    'point_rcnn': ('point-rcnn_8xb2_kitti-3d-3class.py', {}, kitti()),
    'pointnet2': ('pointnet2_ssg_2xb16-cosine-200e_scannet-seg.py', SEGMENTS,
                  room(512, 6, 20)),
    'pointpillars': ('pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py',
                     bev_options('', 'bbox_head', 3) | {'model.bbox_head.feat_channels': 48},
                     kitti()),
    'pv_rcnn': ('pv_rcnn_8xb2-80e_kitti-3d-3class.py', {}, kitti()),
    'regnet': ('pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb4-2x_nus-3d.py', {}, nuscenes(4)),
    'sassd': ('sassd_8xb6-80e_kitti-3d-3class.py',
              bev_options('', 'bbox_head') | {'model.bbox_head.feat_channels': 32}, kitti()),
    'second': ('second_hv_secfpn_8xb6-80e_kitti-3d-3class.py', {}, kitti()),
    'smoke': ('smoke_dla34_dlaneck_gn-all_4xb8-6x_kitti-mono3d.py', {},
              camera(3)),
    'spvcnn': ('spvcnn_w16_8xb2-amp-15e_semantickitti.py', {},
               street(19)),
    'ssn': ('ssn_hv_secfpn_sbn-all_16xb2-2x_nus-3d.py', {}, nuscenes(4)),
    'votenet': ('votenet_8xb8_scannet-3d.py', ROOM | VOTES, room(1024, 4, 18)),
}
WITHOUT_CONFIGS = {
    'monoflex': 'mmdet3d ships no config of it',
}


def run_family(name: str, work: Path) -> dict[str, str]:
    """``step`` and ``prediction`` of a family: ``runs``, or the error in one sentence."""
    from mmengine.registry import init_default_scope
    file, options, draw = FAMILIES[name]
    result = dict(config=f'{name}/{file}')
    stage = 'build'
    try:
        known = (KITTI | NUSCENES).get(f'{name}/{file}', {})
        config = own_config(f'{name}/{file}', work / name, known | options)
        shrink_model(config.model)
        init_default_scope('mmdet3d')
        from mmdet3d.registry import MODELS
        torch.manual_seed(0)
        model = MODELS.build(config.model)
        for stage in ('step', 'prediction'):
            frames = [draw(stage == 'step') for _ in range(2)]
            _step(model, frames) if stage == 'step' else _predict(model, frames)
            result[stage] = 'runs'
    except Exception as error:  # noqa: BLE001  (whatever a model raises is its row)
        text = ' '.join(str(error).split())[:160]
        result[stage] = f'{type(error).__name__}: {text}'
    return result


def _batch(model: torch.nn.Module, frames: list[tuple], training: bool) -> dict:
    data = dict(inputs={key: [inputs[key] for inputs, _ in frames] for key in frames[0][0]},
                data_samples=[sample for _, sample in frames])
    return model.data_preprocessor(data, training)


def _step(model: torch.nn.Module, frames: list[tuple]) -> None:
    model.train()
    data = _batch(model, frames, True)
    loss, values = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    if not all(torch.isfinite(torch.as_tensor(value)) for value in values.values()):
        raise ValueError(f'losses are not finite: {dict(values)}')
    if not any(weight.grad is not None and weight.grad.any() for weight in model.parameters()):
        raise ValueError('no weight got a gradient')


@torch.no_grad()
def _predict(model: torch.nn.Module, frames: list[tuple]) -> None:
    """One frame after the other, as mmdet3d's configs evaluate."""
    model.eval()
    for frame in frames:
        if len(model(**_batch(model, [frame], False), mode='predict')) != 1:
            raise ValueError('one frame did not give one prediction')


def _out_of_time(*_) -> None:
    raise TimeoutError(f'more than {SECONDS} seconds of the processor')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, required=True, help='results, one JSON file')
    parser.add_argument('--only', nargs='+', choices=FAMILIES, help='run these again')
    parser.add_argument('--page', action='store_true', help='fill the table of the page')
    arguments = parser.parse_args()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    if arguments.page:
        return fill_page(results)
    import sparse3d.register  # noqa: F401
    warnings.simplefilter('ignore')
    signal.signal(signal.SIGPROF, _out_of_time)
    for name in arguments.only or [name for name in FAMILIES if name not in results]:
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        results[name] = run_family(name, arguments.out.with_suffix('.work'))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(f'{name}: {results[name]} in {time.process_time() - begin:.0f} s', flush=True)
        write_bytes_atomically(
            arguments.out, json.dumps(results, indent=1, sort_keys=True).encode())


def fill_page(results: dict[str, dict[str, str]]) -> None:
    """Put the table between the marks of the page."""
    missing = sorted(set(FAMILIES) - set(results))
    if missing:
        raise SystemExit(f'not run yet: {", ".join(missing)}')
    rows = [f'| {name} | `{result["config"].split("/")[1]}` | {_verdict(result)} |'
            for name, result in results.items()]
    rows += [f'| {name} | | {reason} |' for name, reason in WITHOUT_CONFIGS.items()]
    table = '\n'.join(['', '| family | config tried | on a CPU |', '|---|---|---|', *sorted(rows),
                       '', f'Tried on {date.today()}.', ''])
    begin, end = map(re.escape, MARKS)
    text, times = re.subn(f'({begin}\n).*?({end})', lambda found: found[1] + table + found[2],
                          PAGE.read_text(), flags=re.S)
    if times != 1:
        raise SystemExit(f'{PAGE} does not hold the marks {MARKS} once')
    write_bytes_atomically(PAGE, text.encode())


def _verdict(result: dict[str, str]) -> str:
    if result.get('prediction') == 'runs':
        return 'runs'
    stage = next(stage for stage in ('build', 'step', 'prediction')
                 if result.get(stage, 'runs') != 'runs')
    return f'{stage}: {result[stage]}'.replace('|', '/')


if __name__ == '__main__':
    main()
