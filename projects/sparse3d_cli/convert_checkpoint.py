"""Turn a published checkpoint into one of Sparse3D."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d convert-checkpoint focalsconv released.pth focalsconv.pth
  sparse3d convert-checkpoint sparsebev released.pth ours.pth --config sparsebev_r50_nuscenes
  sparse3d convert-checkpoint baselines pv_rcnn.pth ours.pth   # OpenPCDet's and mmdet3d's own
  sparse3d convert-checkpoint spark resnet50_1kpretrained_timm_style.pth encoder.pth
  sparse3d convert-checkpoint renames old.pth new.pth   # ours, from before names changed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('plug_in', help='whose method it is, e.g. focalsconv; spark: a ResNet '
                        'pre-trained by SparK, for pretrained_encoder; renames: a checkpoint of '
                        'Sparse3D from before names were changed')
    parser.add_argument('source', help='the published file')
    parser.add_argument('target', help='where ours is written')
    parser.add_argument('--config', help='our config, where the weights do not tell which one')


def run(arguments: argparse.Namespace) -> None:
    if arguments.plug_in == 'renames':
        from sparse3d.checkpoints.rewrite import rewrite_checkpoint
        for change in rewrite_checkpoint(arguments.source, arguments.target):
            print(change)
        return
    if arguments.plug_in == 'spark':
        from sparse3d.pretraining.released_spark import convert_spark
        written = convert_spark(arguments.source, arguments.target)
        print(f'{len(written)} tensors written to {arguments.target}; train with --cfg-options '
              f'pretrained_encoder={arguments.target}, and with its input: RGB, ImageNet\'s mean '
              f'and std')
        return
    from sparse3d.checkpoints import convert_checkpoint
    done = convert_checkpoint(arguments.plug_in, arguments.source, arguments.target,
                              arguments.config)
    for name, value in done.published.items():
        print(f'published behavior, applied by itself: model.published.{name}={value}')
    for note in done.notes:
        print(note)
    print(f'{len(done.weights)} tensors written to {arguments.target}, for {done.config}')
