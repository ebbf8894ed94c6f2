"""Windows and sets of DSVT, from above: which voxels attend to each other in which layer."""
from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from torch import Tensor, nn

from dsvt.dsvt_encoder import DSVTEncoder
from dsvt.rotated_sets import ORDERS, rotated_sets
from dsvt.window_partition import Window, partition_windows, windows_along
from sparse3d.errors import ConfigError
from sparse3d.structures.box_geometry import bev_corners
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.legend import DASHES
from sparse3d.visualization.picture_files import save_figure
from sparse3d.visualization.style import DEFAULT, Style

NAMES = ('windows', 'larger, shifted windows')
SHOWN = 24.0    # meters to each side of the sensor; further off voxels are too small to be seen


def write_sets(model: nn.Module, batch: dict, frame: Frame, folder: str | PathLike,
               score_threshold: float = 0.0) -> list[Path]:
    """Write ``<frame>_sets.png``: the sets of the first stage, a panel for each layer of a block.

    A :class:`sparse3d.plugins.PictureWriter`; the score is not used. The sets follow from where
    the voxels are, not from the weights.

    Raises:
        ConfigError: if the detector has another encoder.
    """
    encoder = getattr(model, 'middle_encoder', None)
    if not isinstance(encoder, DSVTEncoder):
        raise ConfigError(f'{type(model).__name__} with {type(encoder).__name__} has no sets of '
                          f'voxels to draw; use a config with DSVTEncoder')
    seen: list[Tensor] = []
    hook = encoder.register_forward_pre_hook(lambda part, inputs: seen.append(inputs[1]))
    try:
        data = model.data_preprocessor(batch, False)  # type: ignore[operator]
        model.extract_feat(data['inputs'], data['data_samples'])  # type: ignore[operator]
    finally:
        hook.remove()
    layer = model.data_preprocessor.voxel_layer  # type: ignore[union-attr]
    coordinates = seen[0][seen[0][:, 0] == 0].cpu()
    path = Path(folder) / f'{file_name(frame.name)}_sets.png'
    draw_sets(encoder.stages[0].windows, encoder.stages[0].set_size, coordinates,
              np.asarray(layer.point_cloud_range, float), np.asarray(layer.voxel_size, float),
              batch['inputs']['points'][0].cpu().numpy(), frame, path)
    return [path]


def draw_sets(windows: tuple[Window, Window], set_size: int, coordinates: Tensor,
              point_cloud_range: np.ndarray, voxel_size: np.ndarray, points: np.ndarray,
              frame: Frame, path: Path, style: Style = DEFAULT) -> None:
    """Draw voxels in the colors of their sets, four panels: two kinds of windows, two orders.

    Args:
        windows: plain and shifted.
        set_size: slots of a set.
        coordinates: [N, 4] sample, z, y, x of one sample.
        point_cloud_range, voxel_size: meters, LiDAR frame of the model.
        points: (P, >=2) of the sample in that frame.
        frame: gives the name, and labeled boxes where its axes are those of the model.
    """
    theme = style.theme
    figure = Figure(figsize=(12.8, 13.2), facecolor=theme.background, layout='constrained')
    figure.suptitle(f'frame {frame.name}: {len(coordinates):,} voxels; one color: a set of up to '
                    f'{set_size} voxels that attend to each other; dashed: labeled',
                    color=theme.text, fontsize=13)
    size, low = voxel_size[:2], point_cloud_range[:2]
    corner = low + coordinates[:, [3, 2]].numpy() * size
    squares = corner[:, None] + size * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for kind, window in enumerate(windows):
        for order, sets in enumerate(sets_of_voxels(coordinates, window, set_size)):
            axes = figure.add_subplot(2, 2, 2 * kind + order + 1, facecolor=theme.background)
            colors = np.array(theme.classes)[color_numbers(coordinates, window, sets)]
            axes.add_collection(PolyCollection(squares[..., ::-1], facecolors=colors,
                                               edgecolors=[theme.background], linewidths=0.4))
            axes.add_collection(LineCollection(_grid(window, low, size), colors=[theme.text],
                                               linewidths=0.6, alpha=0.55))
            _add_boxes(axes, frame, points, style)
            axes.set(xlim=(SHOWN, -SHOWN), ylim=(-SHOWN, SHOWN), aspect='equal')
            axes.set_title(f'{NAMES[kind]}, sets along {ORDERS[order]}: {len(np.unique(sets)):,} '
                           f'sets', color=theme.text, fontsize=11)
            axes.set_xlabel('y, left [m]', color=theme.text, fontsize=8)
            axes.set_ylabel('x, forward [m]', color=theme.text, fontsize=8)
            axes.tick_params(colors=theme.text, labelsize=8)
    save_figure(figure, path)


@torch.no_grad()
def sets_of_voxels(coordinates: Tensor, window: Window, set_size: int) -> np.ndarray:
    """Number of the set of each voxel in the partition along y and in that along x, (2, N)."""
    made = rotated_sets(coordinates, window, set_size)
    return made.slot_of_voxel.div(set_size, rounding_mode='trunc').numpy()


def color_numbers(coordinates: Tensor, window: Window, sets: np.ndarray) -> np.ndarray:
    """A color for each voxel by its set, (N,) in 0..9; sets of one window and of the next ones
    have different ones as far as ten go."""
    number = partition_windows(coordinates, window)[0].numpy()
    along = [windows_along(window, axis) for axis in range(3)]
    y, x = number // along[2] % along[1], number // (along[1] * along[2]) % along[0]
    first = np.full(number.max(initial=-1) + 1, sets.max(initial=0) + 1)
    np.minimum.at(first, number, sets)
    return (sets - first[number] + 3 * x + 5 * y) % 10


def _grid(window: Window, low: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Borders of the windows as segments (S, 2, 2) of y and x in meters."""
    segments = []
    ends = low + np.array(window.grid[:2]) * size
    for axis in (0, 1):
        steps = np.arange(windows_along(window, axis)) * window.shape[axis] - window.shift[axis]
        for place in low[axis] + steps * size[axis]:
            if low[axis] <= place <= ends[axis]:
                start = [low[0], low[1]]
                stop = [ends[0], ends[1]]
                start[axis] = stop[axis] = place
                segments.append([start[::-1], stop[::-1]])
    return np.array(segments).reshape(-1, 2, 2)


def _add_boxes(axes: Axes, frame: Frame, points: np.ndarray, style: Style) -> None:
    truth, same = frame.ground_truth, len(frame.points) == len(points)
    if truth is None or not same or not np.allclose(frame.points[:, :2], points[:, :2]):
        return      # other axes: nuScenes' are turned to be drawn
    corners = bev_corners(truth.boxes[:, :7])[..., ::-1]
    axes.add_collection(LineCollection(np.concatenate([corners, corners[:, :1]], axis=1),
                                       colors=[style.theme.text], linestyles=[DASHES],
                                       linewidths=1.5))
