"""A data set, and what a detector finds in it, looked at in the browser as one goes."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from mmengine.config import Config

from sparse3d.apis.frame_mistakes import FrameJudge, WatchedJudge
from sparse3d.apis.predicted_frames import frame_loader, with_point_values
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError
from sparse3d.plugins import offers
from sparse3d.visualization.live_viewer import LOCAL, LiveViewer
from sparse3d.visualization.style import Style
from sparse3d.visualization.viewer_state import ViewerState


def view(
        config: str | PathLike | Config,
        checkpoint: str | PathLike | None = None,
        split: str = 'test',
        score_threshold: float = 0.3,
        host: str = LOCAL,
        port: int = 8080,
        cfg_options: dict[str, Any] | None = None,
        device: str | None = None,
        results: str | PathLike | None = None,
        style: Style | None = None,
        ready: Callable[[LiveViewer], None] | None = None,
        pictures: Sequence[str] = (),
) -> None:
    """Serve a viewer for a split; frames are loaded, and predicted, when somebody looks at them.

    Args:
        config: path of a config file, or a Config.
        checkpoint: file with the weights; None shows the data alone.
        split: ``'train'``, ``'val'`` or ``'test'``.
        score_threshold: where the slider stands first.
        host: address to listen at; by default this machine alone can look.
        port: to listen at, 0 for any that is free.
        cfg_options: dotted keys and values that override the config.
        device: of the model; default: the GPU if there is one.
        results: show the detections of this result file instead of a checkpoint's.
        style: theme, view and point size.
        pictures: of a plug-in whose values of points can be looked at, ``('importance',)``.
        ready: called with the viewer when it serves, in place of waiting until interrupted.

    Raises:
        ConfigError, CheckpointError, DataError: as :func:`sparse3d.apis.visualize`; and if the
            split has no frames or the port is taken.
        BackendUnavailable: without the package viser.
    """
    config, opened = open_with_config(config, checkpoint, cfg_options)
    fill = with_point_values(pictures)
    if pictures and (fill is None or checkpoint is None):
        raise ConfigError(f'{", ".join(pictures)} cannot be looked at here: that takes a '
                          f'checkpoint and one of {", ".join(offers("point_values")) or "nothing"}')
    load, dataset = frame_loader(config, opened, split, device, results, fill)
    count = len(dataset)
    if not count:
        raise ConfigError(f'the split {split} has no frames to look at')
    style = style or Style()
    watched = WatchedJudge(FrameJudge(config, split, dataset), load)
    viewer = LiveViewer(ViewerState(
        watched.load, count, score_threshold=score_threshold, style=style, color_by=style.color_by,
        judge=None if checkpoint is None and results is None else watched.judged), host, port)
    if ready is not None:
        ready(viewer)
        return
    print(f'{count} frames at http://{"localhost" if host == LOCAL else host}:{viewer.port} '
          f'(Ctrl+C ends it)', flush=True)
    try:
        viewer.run()
    except KeyboardInterrupt:
        viewer.stop()
