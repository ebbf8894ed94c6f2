"""Pictures, a video, a page or a window of a data set and of what a detector finds in it."""
from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn

from sparse3d.apis.frame_mistakes import FrameJudge
from sparse3d.apis.predicted_frames import predict_frames, with_point_values
from sparse3d.atomic_files import check_place
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import BackendUnavailable, ConfigError, DataError
from sparse3d.plugins import offer
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization import (
    Frame,
    SceneRenderer,
    Style,
    compose,
    draw_bev,
    draw_camera_overlay,
    draw_people,
    write_recording,
)
from sparse3d.visualization.composed_view import write_image
from sparse3d.visualization.display import has_display
from sparse3d.visualization.drive_video import maybe_video
from sparse3d.visualization.scene_page import write_scene_page
from sparse3d.visualization.viewer import Viewer
from sparse3d.visualization.viewer_state import ViewerState

logger = logging.getLogger(__name__)


def visualize(
        config: str | PathLike | Config,
        checkpoint: str | PathLike | None = None,
        out: str | PathLike = 'pictures',
        frames: int | list[int] = 4,
        score_threshold: float = 0.3,
        show: bool = False,
        split: str = 'test',
        cfg_options: dict[str, Any] | None = None,
        device: str | None = None,
        allow_partial: bool = False,
        color_by: str | None = None,
        keypoints: bool = False,
        video: str | PathLike | None = None,
        frames_per_second: float = 5.0,
        pictures: Sequence[str] = (),
        recording: str | PathLike | None = None,
        results: str | PathLike | None = None,
        style: Style | None = None,
        html: str | PathLike | None = None,
) -> list[Path]:
    """Draw points, ground truth and, with a checkpoint or results of another tool, detections.

    For each frame a 3D view, a bird's-eye view, where there are camera images the boxes on them,
    and one picture of all of these. Where open3d cannot render, the other pictures still come.
    Files have the names of the frames.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights; None draws the data alone.
        out: folder for the pictures.
        frames: how many, spread evenly over the split, or which ones.
        score_threshold: detections below are left out.
        show: then open a window to walk through the frames; see
            :mod:`sparse3d.visualization.viewer`.
        split: ``'train'``, ``'val'`` or ``'test'``: whose dataset is drawn.
        cfg_options: dotted keys and values that override the config.
        device: of the model; default: the GPU if there is one.
        allow_partial: take a checkpoint of which only a part fits.
        color_by: in place of the style's.
        keypoints: draw skeletons of people too, and a close picture of each person.
        video: also join the pictures of all into this file, ``.mp4`` (H.264) or ``.webm`` (VP9);
            ``frames`` best are consecutive numbers then.
        frames_per_second: of the video.
        recording: also record the frames into this ``.rrd`` file for the rerun viewer.
        pictures: names of a plug-in's own pictures that are drawn too, of
            ``sparse3d.plugins.offers('pictures')``; with ``importance`` the page, the window and
            the recording have it as a layer, and ``color_by='importance'`` is possible.
        results: draw the detections of this result file instead of a checkpoint's; see
            :mod:`sparse3d.structures.result_files`.
        style: theme, view, size, point size, zoom and coloring of the pictures.
        html: also write the frames as a page to turn in a browser.

    Returns:
        The files written.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`; and if the model
            has not the pictures that are asked for.
        PluginError: for pictures that no plug-in offers.
        BackendUnavailable: with ``show`` where there is no display, with ``video`` without
            imageio-ffmpeg.
    """
    style = style or Style()
    style = style if color_by is None else replace(style, color_by=color_by)
    writers = [offer('pictures', name) for name in pictures]
    if writers and checkpoint is None:
        raise ConfigError(f'the pictures {", ".join(pictures)} are of a model: they need a '
                          f'checkpoint')
    fill = with_point_values(pictures)
    if style.color_by == 'importance' and fill is None:
        raise ConfigError('the importance of points is that of a detector: give a checkpoint and '
                          '--pictures importance')
    for path, suffixes in ((html, ('.html', '.htm')), (recording, ('.rrd', ))):
        if path is not None and Path(path).suffix.lower() not in suffixes:
            raise ConfigError(f'{path} would not be opened by its name; call it *{suffixes[0]}')
    for path in (Path(out) / 'picture', html, video, recording):
        if path is not None:
            check_place(path)
    config, opened = open_with_config(config, checkpoint, cfg_options, allow_partial)
    paths: list[Path] = []
    kept: deque[Frame] = deque(maxlen=None if show or html else 1)
    if show and not has_display():
        raise BackendUnavailable('there is no display to open a window on; write pictures, an '
                                 '--html page or a --recording instead, or set DISPLAY')

    def draw_own(model: nn.Module, sample: dict, frame: Frame) -> Frame:
        with torch.no_grad():
            for write in writers:
                paths.extend(write(model, pseudo_collate([sample]), frame, out, score_threshold))
        return frame if fill is None else fill(model, sample, frame)

    dataset, predicted = predict_frames(
        config, opened, frames, score_threshold, split, device, allow_partial,
        draw_own if writers else None, results=results)
    judge = None if opened is None and results is None else FrameJudge(config, split, dataset)
    with maybe_video(video, frames_per_second) as film:
        renderer = _renderer_if_possible(style)

        def draw_all() -> Iterator[Frame]:
            for each in predicted:
                frame = each.frame if judge is None else judge.judged(each, score_threshold)
                shown = frame if keypoints else frame.without_joints()
                paths.extend(draw_frame(shown, out, renderer, style))
                together = compose(shown, renderer, style)
                paths.append(_path(shown, out, 'all'))
                write_image(together, paths[-1])
                if film is not None:
                    film.add(together)
                logger.info('drawn: %s', frame.summary())
                kept.append(shown)
                yield shown

        if recording is not None:
            write_recording(draw_all(), recording, style.color_by)
            paths.append(Path(recording))
        else:
            deque(draw_all(), maxlen=0)
        if film is not None and not kept:
            raise DataError(f'there are no frames to make {video} of')
    if video is not None:
        paths.append(Path(video))
    if html is not None:
        paths.append(write_scene_page(
            list(kept), html, style, score_threshold, frames_per_second))
    if show:
        Viewer(ViewerState(kept.__getitem__, len(kept), score_threshold=score_threshold,
                           color_by=style.color_by, style=style)).run()
    return paths


def draw_frame(frame: Frame, out: str | PathLike, renderer: SceneRenderer | None,
               style: Style | None = None) -> list[Path]:
    """Write all pictures of one frame; the 3D view only with a renderer.

    Raises:
        DataError: if a file cannot be written.
    """
    style = style or Style()
    paths = [_path(frame, out, 'bev')]
    draw_bev(frame, paths[0], style=style)
    if renderer is not None:
        paths.insert(0, _path(frame, out, '3d'))
        renderer.draw(frame, paths[0])
    for picture in frame.pictures:
        paths.append(_path(frame, out, picture.name))
        draw_camera_overlay(frame, picture, paths[-1], style)
    if frame.has_joints:
        paths.append(_path(frame, out, 'people'))
        draw_people(frame, paths[-1])
    return paths


def _path(frame: Frame, out: str | PathLike, view: str) -> Path:
    return Path(out) / f'{file_name(f"{frame.name}_{view}")}.png'


def _renderer_if_possible(style: Style) -> SceneRenderer | None:
    try:
        return SceneRenderer(style=style)
    except BackendUnavailable as error:
        logger.warning('no 3D views: %s', error)
        return None
