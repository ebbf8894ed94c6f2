"""Candidates drawn stage by stage: LiDAR, camera before and after view transformation, fused."""
from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_head import peak_scores
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization import draw_bev, draw_camera_overlay
from sparse3d.visualization.frame import Boxes, Frame, yaw_between
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.sensor_picture import REACH, draw_sensors
from sparsefusion.sparsefusion_detector import SparseFusion
from sparsefusion.sparsefusion_head import SparseFusionHead, fused_scores

STAGES = ('lidar', 'camera_lifted', 'camera_transformed', 'fused')
TITLES = dict(zip(STAGES, ('LiDAR', 'cameras, lifted', 'cameras, transformed', 'fused'),
                  strict=True))


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
        shown = replace(frame, name=f'{frame.name}: {TITLES[stage]}',
                        detections=boxes.turned(turn).above(score_threshold))
        paths.append(Path(out) / f'{file_name(f"{frame.name}_{stage}")}.png')
        draw_bev(shown, paths[-1], (-REACH, -REACH, REACH, REACH))
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
    output, turn = _output_of(model, batch, frame)
    return draw_stages(model.bbox_head, output, frame, folder, score_threshold, turn)


def write_sensors(model: nn.Module, batch: dict, frame: Frame, folder: str | PathLike,
                  score_threshold: float = 0.1) -> list[Path]:
    """:func:`sparsefusion.sensor_picture.draw_sensors` as a
    :class:`sparse3d.plugins.PictureWriter`.

    Raises:
        ConfigError: if the detector has no candidates of cameras.
    """
    if not isinstance(model, SparseFusion):
        raise ConfigError(f'{type(model).__name__} has no candidates of two sensors to draw; they '
                          f'are of SparseFusion')
    output, turn = _output_of(model, batch, frame)
    return [draw_sensors(model.bbox_head, output, frame, folder, score_threshold, turn)]


def _output_of(model: SparseFusion, batch: dict, frame: Frame) -> tuple[FusionOutput, float]:
    turn = yaw_between(batch['inputs']['points'][0].cpu().numpy(), frame.points)
    data = model.data_preprocessor(batch)
    return model._forward(data['inputs'], data['data_samples']), turn


def _boxes(boxes: Tensor, scores: Tensor) -> Boxes:
    best, labels = scores.max(1)
    return Boxes(boxes.cpu().numpy(), labels.cpu().numpy(), best.cpu().numpy()).above(0.0)
