"""Pictures of what a focal layer finds important: voxels from above, and on the camera image."""
from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.spatial import cKDTree
from torch import nn

from focalsconv.focal_sparse_encoder import EncodedVoxels, FocalSparseEncoder
from sparse3d.errors import ConfigError
from sparse3d.structures.box_geometry import bev_corners
from sparse3d.structures.projection import project_points
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.bev_view import points_extent
from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH, TEXT
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.legend import DASHES
from sparse3d.visualization.picture_files import save_figure

RAMP = 'inferno'
INSIDE = 1.01         # voxels from a point to the center of its voxel, or to its lower corner
LONG = 3.0             # meters from the points at which a box may still reach in among them
SHOWN_ON_IMAGES = 0.5  # importance from which a voxel is drawn on an image


@dataclass(frozen=True)
class ImportantVoxels:
    """The voxels that entered one focal layer."""

    title: str
    positions: np.ndarray   # [N, 3] meters, LiDAR frame
    importance: np.ndarray  # [N] in [0, 1]


def write_importance(model: nn.Module, batch: dict, frame: Frame, folder: str | PathLike,
                     score_threshold: float = 0.0) -> list[Path]:
    """Pictures of what the encoder of a detector finds important in a sample; files written.

    A :class:`sparse3d.plugins.PictureWriter`; the score is not used.

    Raises:
        ConfigError: if the detector has no focal layer.
    """
    return draw_importance(_layers_of(model, batch)[1], frame, folder)


def importance_of_points(model: nn.Module, batch: dict, frame: Frame) -> np.ndarray:
    """Importance in the first focal layer of the voxel that holds each point, (N,) in 0..1.

    A :class:`sparse3d.plugins.PointValues`. Points outside of the range have none, 0.

    Raises:
        ConfigError: if the detector has no focal layer.
    """
    encoder, layers = _layers_of(model, batch)
    points = batch['inputs']['points'][0][:, :3].cpu().numpy()
    return nearest_importance(layers[0], points, encoder.voxel_size.cpu().numpy())


def nearest_importance(layer: ImportantVoxels, points: np.ndarray,
                       voxel_size: np.ndarray) -> np.ndarray:
    """Importance of the voxel that each point lies in, 0 where it lies in none.

    Args:
        layer: its voxels.
        points: (N, 3) meters, LiDAR frame.
        voxel_size: (3,) meters.
    """
    values = np.zeros(len(points))
    if len(layer.positions) and len(points):
        apart, rows = cKDTree(layer.positions / voxel_size).query(
            np.nan_to_num(points / voxel_size, nan=1e9, posinf=1e9, neginf=-1e9), p=np.inf)
        values[apart <= INSIDE] = layer.importance[rows[apart <= INSIDE]]
    return values


def _layers_of(model: nn.Module, batch: dict,
               ) -> tuple[FocalSparseEncoder, list[ImportantVoxels]]:
    encoder = getattr(model, 'middle_encoder', None)
    if not isinstance(encoder, FocalSparseEncoder):
        raise ConfigError(f'{type(model).__name__} with {type(encoder).__name__} predicts no '
                          f'importance to draw; use a config with FocalSparseEncoder')
    data = model.data_preprocessor(batch, False)
    features = model.extract_feat(data['inputs'], data['data_samples'])
    auxiliary = features['auxiliary'] if isinstance(features, dict) else features[1]
    return encoder, important_voxels(encoder, auxiliary)


def important_voxels(encoder: FocalSparseEncoder, auxiliary: EncodedVoxels,
                     ) -> list[ImportantVoxels]:
    """The voxels of the first sample that entered each focal layer.

    Raises:
        ConfigError: if the encoder has no focal layer.
    """
    layers = {f'stage {stage}': (stage, of_stage)
              for stage, of_stage in auxiliary.importance.items()}
    if auxiliary.of_images is not None:
        layers['with images'] = (1, auxiliary.of_images)
    if not layers:
        raise ConfigError('this encoder has no focal layer whose importance could be drawn')
    drawn = []
    for title, (stage, importance) in layers.items():
        first = importance.coordinates[:, 0] == 0
        positions = encoder.voxel_positions(stage, importance.coordinates[first])
        drawn.append(ImportantVoxels(title, positions.cpu().numpy(),
                                     importance.voxel_scores[first].detach().cpu().numpy()))
    return drawn


def draw_importance(layers: list[ImportantVoxels], frame: Frame, out: str | PathLike) -> list[Path]:
    """Write ``<frame>_importance.png``, and one more picture for each camera.

    Args:
        layers: of one sample.
        frame: gives labeled boxes and camera images.
        out: folder.

    Returns:
        the files written.

    Raises:
        DataError: if a file cannot be written.
    """
    paths = [Path(out) / f'{file_name(frame.name)}_importance.png']
    _draw_bev(layers, frame, paths[0])
    for picture in frame.pictures:
        name = file_name(f'{frame.name}_importance_{picture.name}')
        paths.append(Path(out) / f'{name}.png')
        _draw_on_image(layers[0], picture, paths[-1])
    return paths


def _draw_bev(layers: list[ImportantVoxels], frame: Frame, path: Path) -> None:
    figure = Figure(figsize=(6.5 * len(layers), 8), facecolor=BACKGROUND, layout='constrained')
    x_min, y_min, x_max, y_max = points_extent(frame.points, _among_points(frame))
    for number, layer in enumerate(layers, start=1):
        axes = figure.add_subplot(1, len(layers), number, facecolor=BACKGROUND)
        order = np.argsort(layer.importance, kind='stable')  # important voxels on top
        drawn = axes.scatter(
            layer.positions[order, 1], layer.positions[order, 0], c=layer.importance[order], s=2.0,
            linewidths=0, cmap=RAMP, vmin=0, vmax=1, rasterized=True)
        if frame.ground_truth is not None:
            corners = bev_corners(frame.ground_truth.boxes[:, :7])[..., ::-1]
            axes.add_collection(LineCollection(np.concatenate([corners, corners[:, :1]], 1),
                                               colors=[GROUND_TRUTH], linewidths=1.5,
                                               linestyles=[DASHES]))
        axes.set(xlim=(y_max, y_min), ylim=(x_min, x_max), aspect='equal',
                 xlabel='y, left [m]', ylabel='x, forward [m]')
        _style(
            axes,
            f'{layer.title}: {len(layer.positions):,} voxels, '
            f'{(layer.importance > 0.5).mean() if len(layer.positions) else 0:.0%} above 0.5'
            + ('' if frame.ground_truth is None else '; dashed: labeled'),
        )
    bar = figure.colorbar(drawn, ax=figure.axes, shrink=0.6)
    bar.set_label('importance', color=TEXT)
    bar.ax.tick_params(colors=TEXT)
    save_figure(figure, path)


def _among_points(frame: Frame) -> Boxes | None:
    """The labeled boxes that stand where points are; further ones have no voxels."""
    truth = frame.ground_truth
    if truth is None:
        return None
    low_x, low_y, high_x, high_y = points_extent(frame.points)
    x, y = truth.boxes[:, :2].T
    near = (x > low_x - LONG) & (x < high_x + LONG) & (y > low_y - LONG) & (y < high_y + LONG)
    return Boxes(truth.boxes[near], truth.labels[near])


def _draw_on_image(layer: ImportantVoxels, picture: Picture, path: Path) -> None:
    height, width = picture.image.shape[:2]
    figure = Figure(figsize=(width / 100, height / 100), facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(picture.image)
    pixels, depth = project_points(layer.positions, np.asarray(picture.lidar2img))
    seen = (depth > 0.1) & (layer.importance >= SHOWN_ON_IMAGES)
    axes.scatter(*pixels[seen].T, c=layer.importance[seen], s=4, linewidths=0, cmap=RAMP,
                 vmin=0, vmax=1)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis('off')
    save_figure(figure, path)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, color=TEXT, fontsize=10)
    axes.tick_params(colors=TEXT, labelsize=8)
    axes.xaxis.label.set_color(TEXT)
    axes.yaxis.label.set_color(TEXT)
    for spine in axes.spines.values():
        spine.set_color((*TEXT, 0.3))
