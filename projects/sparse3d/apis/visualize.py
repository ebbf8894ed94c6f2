"""Pictures, or a window, of a dataset and of what a detector finds in it."""
from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from sparse3d.apis.sample_frames import (
    build_dataset,
    check_score_threshold,
    choose_frames,
    frame_of_sample,
)
from sparse3d.checkpoints.open import Checkpoint, open_checkpoint
from sparse3d.engine.agreement.check import check_config
from sparse3d.engine.build_model import build_model
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.engine.hooks.feature_reuse import reusing_features
from sparse3d.engine.hooks.point_statistics import compare_sample, voxel_range
from sparse3d.errors import BackendUnavailable, ConfigError
from sparse3d.parallel.progress import Progress
from sparse3d.plugins import offer
from sparse3d.structures.point_statistics import PointStatistics, TrainingComparison
from sparse3d.structures.result_files import Results
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization import (
    Boxes,
    Frame,
    SceneRenderer,
    draw_bev,
    draw_camera_overlay,
    draw_people,
    write_recording,
    write_video,
)
from sparse3d.visualization.display import has_display
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
        color_by: str = 'height',
        keypoints: bool = False,
        video: str | PathLike | None = None,
        frames_per_second: float = 5.0,
        pictures: Sequence[str] = (),
        recording: str | PathLike | None = None,
        results: str | PathLike | None = None,
) -> list[Path]:
    """Draw points, ground truth and, with a checkpoint or results of another tool, detections.

    For each frame a 3D view, a bird's-eye view and, where there are camera images,
    the boxes on them. Where open3d cannot render, the other pictures still come.

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
        color_by: ``'height'``, ``'intensity'``, ``'time'`` or ``'class'`` of the points.
        keypoints: draw skeletons of people too, and a close picture of each person.
        video: also join the 3D views (or, without a renderer, those from above) into this
            MP4 file; ``frames`` best are consecutive numbers then.
        frames_per_second: of the video.
        recording: also record the frames into this ``.rrd`` file for the rerun viewer.
        pictures: names of a plug-in's own pictures that are drawn too, of
            ``sparse3d.plugins.offers('pictures')``.
        results: draw the detections of this result file instead of a checkpoint's; see
            :mod:`sparse3d.structures.result_files`.

    Returns:
        The files written.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.test`; and if the model
            has not the pictures that are asked for.
        PluginError: for pictures that no plug-in offers.
        BackendUnavailable: with ``show`` where there is no display.
    """
    writers = [offer('pictures', name) for name in pictures]
    if writers and checkpoint is None:
        raise ConfigError(f'the pictures {", ".join(pictures)} are of a model: they need a '
                          f'checkpoint')
    config, opened = open_with_config(config, checkpoint, cfg_options, allow_partial)
    paths, views, to_show = [], [], deque(maxlen=None if show else 1)
    if show and not has_display():
        raise BackendUnavailable('there is no display to open a window on; write pictures or a '
                                 '--recording instead, or set DISPLAY')

    def draw_own(model: nn.Module, sample: dict, frame: Frame) -> None:
        with torch.no_grad():
            for write in writers:
                paths.extend(write(model, pseudo_collate([sample]), frame, out, score_threshold))

    drawn = frames_with_detections(
        config,
        opened,
        frames,
        score_threshold,
        split,
        device,
        allow_partial,
        draw_own if writers else None,
        results=results,
    )
    renderer = _renderer_if_possible()

    def draw_all() -> Iterator[Frame]:
        for frame in drawn:
            shown = frame if keypoints else frame.without_joints()
            written = draw_frame(shown, out, renderer, color_by)
            paths.extend(written)
            views.append(written[0])
            logger.info('drawn: %s', frame.summary())
            to_show.append(shown)
            yield shown

    if recording is not None:
        write_recording(draw_all(), recording, color_by)
        paths.append(Path(recording))
    else:
        deque(draw_all(), maxlen=0)
    if show:
        Viewer(ViewerState(to_show.__getitem__, len(to_show), score_threshold=score_threshold,
                           color_by=color_by)).run()
    if video is not None:
        write_video(views, video, frames_per_second)
        paths.append(Path(video))
    return paths


def draw_frame(frame: Frame, out: str | PathLike, renderer: SceneRenderer | None,
               color_by: str = 'height') -> list[Path]:
    """Write all pictures of one frame; the 3D view only with a renderer.

    Raises:
        DataError: if a file cannot be written.
    """
    def path(view: str) -> Path:
        return Path(out) / f'{file_name(f"{frame.name}_{view}")}.png'

    paths = [path('bev')]
    draw_bev(frame, paths[0], color_by=color_by)
    if renderer is not None:
        paths.insert(0, path('3d'))
        renderer.draw(frame, paths[0], color_by)
    for picture in frame.pictures:
        paths.append(path(picture.name))
        draw_camera_overlay(frame, picture, paths[-1])
    if frame.has_joints:
        paths.append(path('people'))
        draw_people(frame, paths[-1])
    return paths


def frames_with_detections(
    config: Config,
    checkpoint: str | PathLike | Checkpoint | None,
    frames: int | list[int],
    score_threshold: float,
    split: str = 'test',
    device: str | None = None,
    allow_partial: bool = False,
    also: Callable[[nn.Module, dict, Frame], None] | None = None,
    title: str | None = None,
    results: str | PathLike | None = None,
) -> Iterator[Frame]:
    """Frames of a split one after the other, with detections if there is a checkpoint or results.

    Config, data and checkpoint are looked at at once, frames when they are asked for.

    Args:
        also: called with the model, the sample and the frame, if there is a model.
        title: of a progress line, or None for none.
        results: file with detections in place of a checkpoint.

    Raises:
        ConfigError: if both are given.
    """
    if checkpoint is not None and results is not None:
        raise ConfigError('detections come from a checkpoint or from --results, not from both')
    if checkpoint is not None:
        check_score_threshold(score_threshold)
        check_config(config, [split])
    dataset = build_dataset(config, split)
    model, training = None, None
    if checkpoint is not None:
        checkpoint = open_checkpoint(checkpoint)
        training = PointStatistics.from_meta(checkpoint.meta)
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        model = build_model(config, checkpoint, device, allow_partial, split)
    chosen = choose_frames(frames, len(dataset))
    if results is not None:
        opened = Results(Path(results), dataset.metainfo.get('classes', ()),
                         dataset.metainfo.get('dataset', ''))
        return _frames_of_results(dataset, chosen, opened, score_threshold)
    return _frames(dataset, chosen, model, score_threshold, also, title, training)


def _frames_of_results(dataset: BaseDataset, chosen: list[int], results: Results,
                       score: float) -> Iterator[Frame]:
    for index in chosen:
        info = dataset.get_data_info(index)
        found = results.of_sample(info, str(Path(info.get('lidar_path') or str(index)).stem))
        yield frame_of_sample(dataset, index, dataset[index], None, score,
                              Boxes(found.boxes_3d, found.labels, found.scores))
    results.refuse_if_none_is_left()
    if results.left_out:
        logger.warning('%s: left out, not among the classes of the data set: %s', results.path,
                       ', '.join(f'{count} {name}' for name, count in results.left_out.items()))


def _frames(dataset: BaseDataset, chosen: list[int], model: nn.Module | None, score: float,
            also: Callable[[nn.Module, dict, Frame], None] | None,
            title: str | None, training: PointStatistics | None) -> Iterator[Frame]:
    progress = Progress(title, len(chosen)) if title is not None else None
    comparison = TrainingComparison(training, None if model is None else voxel_range(model))
    with nullcontext() if model is None else reusing_features(model):
        for index in chosen:
            sample = dataset[index]
            prediction = None
            if model is not None:
                with torch.no_grad():
                    prediction = model.test_step(pseudo_collate([sample]))[0]
            frame = frame_of_sample(dataset, index, sample, prediction, score)
            compare_sample(comparison, sample['inputs'].get('points'), sample['data_samples'],
                           frame.name)
            if also is not None and model is not None:
                also(model, sample, frame)
            yield frame
            if progress is not None:
                progress.advance()


def _renderer_if_possible() -> SceneRenderer | None:
    try:
        return SceneRenderer()
    except BackendUnavailable as error:
        logger.warning('no 3D views: %s', error)
        return None
