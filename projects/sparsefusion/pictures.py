"""Candidates drawn stage by stage: LiDAR, camera before and after view transformation, fused."""
from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_head import peak_scores
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization import draw_bev, draw_camera_overlay
from sparse3d.visualization.frame import Boxes, Frame
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.sparsefusion_detector import SparseFusion
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


def write_stages(model: nn.Module, batch: dict, frame: Frame, folder: str | PathLike,
                 score_threshold: float = 0.1) -> list[Path]:
    """:func:`draw_stages` of a sample as a :class:`sparse3d.plugins.PictureWriter`.

    Raises:
        ConfigError: if the detector has no candidates of cameras.
    """
    if not isinstance(model, SparseFusion):
        raise ConfigError(f'{type(model).__name__} has no stages to draw; they are of SparseFusion')
    turn = yaw_between(batch['inputs']['points'][0], frame.points)
    data = model.data_preprocessor(batch)
    output = model._forward(data['inputs'], data['data_samples'])
    return draw_stages(model.bbox_head, output, frame, folder, score_threshold, turn)


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
