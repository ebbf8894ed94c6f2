"""Candidates drawn stage by stage: LiDAR, camera before and after view transformation, fused.

    python -m sparsefusion.pictures CONFIG CHECKPOINT --out pictures --frames 2
"""
from __future__ import annotations

import argparse
import sys
from collections import deque
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from sparse3d.models.heads.transfusion_head import peak_scores
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization import draw_bev, draw_camera_overlay
from sparse3d.visualization.frame import Boxes, Frame
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.sparsefusion_head import SparseFusionHead, fused_scores

STAGES = ('lidar', 'camera_lifted', 'camera_transformed', 'fused')


@torch.no_grad()
def stage_boxes(head: SparseFusionHead, output: FusionOutput, sample: int = 0) -> dict[str, Boxes]:
    """Boxes of every stage with the score that the stage gives them, best first.

    A camera candidate is scored by its heat alone before view transformation.

    Returns:
        Boxes by the names of ``STAGES``.
    """
    coder, camera = head.coder, output.camera
    lidar, view = (peak_scores(outputs['heatmap'], peaks)[sample] for outputs, peaks in (
        (output.lidar, output.peaks), (output.view, camera.peaks)))
    heat = torch.nn.functional.one_hot(
        camera.peaks.labels[sample], lidar.shape[1]) * camera.peaks.scores[sample, :, None]
    codes = {'lidar': coder.stack(output.lidar), 'camera_lifted': output.lifted.codes,
             'camera_transformed': coder.stack(output.view), 'fused': coder.stack(output.fused)}
    scores = {'lidar': lidar, 'camera_lifted': heat, 'camera_transformed': view,
              'fused': fused_scores(output)[sample]}
    return {stage: _boxes(coder.decode(codes[stage][sample]), scores[stage]) for stage in STAGES}


def draw_stages(head: SparseFusionHead, output: FusionOutput, frame: Frame, out: str | PathLike,
                score_threshold: float = 0.1, turn: float = 0.0) -> list[Path]:
    """Draw each stage from above, and the camera's and the fused boxes on every picture.

    Args:
        frame: the scene; its detections are replaced.
        out: folder for the pictures.
        score_threshold: boxes below are left out.
        turn: angle in radians by which ``frame`` was turned about z before.

    Returns:
        The files written.
    """
    paths = []
    for stage, boxes in stage_boxes(head, output).items():
        shown = replace(frame, detections=boxes.turned(turn).above(score_threshold))
        paths.append(Path(out) / f'{file_name(f"{frame.name}_{stage}")}.png')
        draw_bev(shown, paths[-1])
        for picture in frame.pictures if stage != 'lidar' else ():
            name = file_name(f'{frame.name}_{stage}_{picture.name}')
            paths.append(Path(out) / f'{name}.png')
            draw_camera_overlay(shown, picture, paths[-1])
    return paths


def draw_dataset(config: str | PathLike, checkpoint: str | PathLike, out: str | PathLike,
                 frames: int = 2, score_threshold: float = 0.1, split: str = 'test',
                 cfg_options: dict[str, Any] | None = None) -> list[Path]:
    """Draw the stages for some frames of a config's dataset; return the files written.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.visualize`.
    """
    from sparse3d.apis.visualize import frames_with_detections
    from sparse3d.engine.checkpoint_config import open_with_config
    paths: list[Path] = []

    def draw(model: nn.Module, sample: dict, frame: Frame) -> None:
        data = model.data_preprocessor(pseudo_collate([sample]))
        with torch.no_grad():
            output = model._forward(data['inputs'], data['data_samples'])
        turn = yaw_between(sample['inputs']['points'], frame.points)
        paths.extend(draw_stages(model.bbox_head, output, frame, out, score_threshold, turn))

    config, opened = open_with_config(config, checkpoint, cfg_options)
    deque(frames_with_detections(config, opened, frames, score_threshold, split, None, False, draw),
          maxlen=0)
    return paths


def yaw_between(camera_yaw: Tensor, lidar_yaw: np.ndarray) -> float:
    """Angle about z in radians that took the same points from ``camera_yaw`` to ``lidar_yaw``."""
    if not len(lidar_yaw):
        return 0.0
    xy = camera_yaw[:, :2].cpu().numpy()
    far = int(np.abs(xy).sum(1).argmax())
    return float(
        np.arctan2(lidar_yaw[far, 1], lidar_yaw[far, 0]) - np.arctan2(xy[far, 1], xy[far, 0])
    )


def _boxes(boxes: Tensor, scores: Tensor) -> Boxes:
    best, labels = scores.max(1)
    return Boxes(boxes.cpu().numpy(), labels.cpu().numpy(), best.cpu().numpy()).above(0.0)


def main() -> int:
    """Command line of :func:`draw_dataset`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', default='pictures', help='folder for the pictures')
    parser.add_argument('--frames', type=int, default=2, help='how many')
    parser.add_argument(
        '--score-threshold', type=float, default=0.1, help='boxes below are left out'
    )
    arguments = parser.parse_args()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: _draw_and_tell(arguments))


def _draw_and_tell(arguments: argparse.Namespace) -> None:
    paths = draw_dataset(arguments.config, arguments.checkpoint, arguments.out, arguments.frames,
                         arguments.score_threshold)
    print('\n'.join(map(str, paths)))
    print(f'{len(paths)} pictures written to {arguments.out}')


if __name__ == '__main__':
    sys.exit(main())
