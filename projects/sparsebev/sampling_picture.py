"""Pictures of where queries look: points in every frame and view, and how far they attend."""
from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import nn

from sparse3d.errors import ConfigError
from sparse3d.models.query.box_code import centers_in_meters
from sparse3d.ops.choose_views import choose_views, project_to_views
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.colors import BACKGROUND, TEXT, class_color
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.picture_files import as_text, save_figure
from sparsebev.detector import SparseBEV

ACROSS = 3       # images in a row
INCHES = 4.0     # width of one
HEADER = 0.55    # inches of title and legend
NEAR, FAR = 5.0, 50.0  # meters; nearer points are drawn larger


@dataclass(frozen=True)
class SampledQueries:
    """What the strongest queries of one sample looked at in the last pass.

    Attributes:
        images: (T, N, H, W, 3) uint8 RGB, as the backbone saw them.
        age: (T,) seconds.
        pixels: (Q, T, P, 2) x and y in the chosen view.
        depth: (Q, T, P) meters.
        view: (Q, T, P) camera, -1 where none sees the point.
        labels, scores: (Q,) of the best class.
        centers: (Q, 2) meters, BEV.
        cameras: names of the N cameras, or nothing.
        classes: names of the classes.
        tau: (Q, heads) per meter.
    """

    images: np.ndarray
    age: np.ndarray
    pixels: np.ndarray
    depth: np.ndarray
    view: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    centers: np.ndarray
    tau: np.ndarray
    cameras: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@torch.no_grad()
def sampled_queries(
    detector: nn.Module, batch: dict, score_threshold: float = 0.3, max_queries: int = 8
) -> SampledQueries:
    """Run one sample and keep what its strongest queries sampled.

    Args:
        batch: one collated sample.
        score_threshold: queries below are left out.
        max_queries: number of queries.
    """
    data = detector.data_preprocessor(batch)
    images = data['inputs']['imgs']
    views = detector.views(images, data['data_samples'])
    layer = detector.bbox_head.layer
    seen: dict[str, torch.Tensor] = {}
    hooks = [
        layer.sampling.register_forward_hook(
            lambda part, inputs, _: seen.update(
                query=inputs[0], points=part.points_by_frame(*inputs[:2], views.age))),
        layer.self_attention.tau.register_forward_hook(
            lambda part, inputs, output: seen.update(tau=output))]
    try:
        outputs = detector(**data, mode='tensor')['head']
    finally:
        for hook in hooks:
            hook.remove()
    best, labels = outputs['logits'][-1, 0].sigmoid().max(-1)
    order = best.argsort(descending=True)[:max_queries]
    order = order[best[order] > score_threshold]
    points = seen['points'][:, order]
    choice = layer.sampling.quirks.view_choice
    chosen = choose_views(points, views.lidar2img, views.image_size, views.valid, choice)
    depth = project_to_views(points, views.lidar2img, views.image_size)[1]
    depth = depth.gather(-1, chosen.view[..., None])[..., 0]
    height, width = views.image_size
    inside = ((chosen.position > 0) & (chosen.position < 1)).all(-1) & (depth > 0)
    view = torch.where(inside & (chosen.weight > 0), chosen.view, -1)
    return SampledQueries(
        images=_visible(detector, images[0], views.age.shape[1]),
        age=views.age[0].cpu().numpy(),
        pixels=(chosen.position * chosen.position.new_tensor([width, height]))[0].cpu().numpy(),
        depth=depth[0].cpu().numpy(), view=view[0].cpu().numpy(),
        labels=labels[order].cpu().numpy(), scores=best[order].cpu().numpy(),
        centers=centers_in_meters(seen['query'][0, order],
                                  detector.bbox_head.point_cloud_range)[:, :2].cpu().numpy(),
        tau=seen['tau'][0, order].float().cpu().numpy())


def write_sampling_points(model: nn.Module, batch: dict, frame: Frame, folder: str | PathLike,
                          score_threshold: float = 0.3) -> list[Path]:
    """:func:`draw_sampling_points` as a :class:`sparse3d.plugins.PictureWriter`.

    Raises:
        ConfigError: if the detector is another one.
    """
    if not isinstance(model, SparseBEV):
        raise ConfigError(f'{type(model).__name__} has no sampling points to draw; they are of '
                          f'SparseBEV')
    return draw_sampling_points(model, batch, folder, frame.name, score_threshold,
                                tuple(picture.name for picture in frame.pictures),
                                frame.class_names)


def draw_sampling_points(detector: nn.Module, batch: dict, folder: str | PathLike, name: str,
                         score_threshold: float = 0.3, cameras: tuple[str, ...] = (),
                         classes: tuple[str, ...] = ()) -> list[Path]:
    """Write one picture for each frame and one of tau.

    Args:
        cameras: their names, in the order of the images.
        classes: names of the classes.

    Returns:
        The files written.
    """
    sampled = replace(sampled_queries(detector, batch, score_threshold), cameras=cameras,
                      classes=classes)
    paths = []
    for frame in range(len(sampled.age)):
        paths.append(Path(folder) / f'{file_name(name)}_sampling_{frame}.png')
        _draw_frame(sampled, frame, paths[-1])
    paths.append(Path(folder) / f'{file_name(name)}_tau.png')
    _draw_tau(sampled, detector.bbox_head.point_cloud_range, paths[-1])
    return paths


def _draw_frame(sampled: SampledQueries, frame: int, path: Path) -> None:
    """All views of a frame with the points that are read there, one color for each query."""
    images = sampled.images[frame]
    rows = -(-len(images) // ACROSS)
    across = min(len(images), ACROSS)
    height, width = images.shape[1:3]
    figure = Figure(figsize=(INCHES * across, INCHES * rows * height / width + HEADER),
                    facecolor=BACKGROUND)
    when = 'now' if not sampled.age[frame] else \
        f'{abs(sampled.age[frame]):.2f} s {"ago" if sampled.age[frame] > 0 else "ahead"}'
    figure.suptitle(f'{when}: where the {len(sampled.scores)} strongest queries look', color=TEXT,
                    fontsize=11, y=1 - 0.05 / figure.get_figheight(), va='top')
    handles = [Line2D([], [], color=class_color(query), marker='o', linestyle='none',
                      label=_query_text(sampled, query)) for query in range(len(sampled.scores))]
    if handles:
        figure.legend(handles=handles, loc='upper center', ncols=8, fontsize=9, frameon=False,
                      labelcolor=TEXT, handletextpad=0.1, columnspacing=1.2,
                      bbox_to_anchor=(0.5, 1 - 0.24 / figure.get_figheight()))
    for camera, image in enumerate(images):
        axes = figure.add_subplot(rows, across, camera + 1)
        axes.imshow(image)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        if len(sampled.cameras) == len(images):
            axes.text(4, 4, sampled.cameras[camera], color=TEXT, fontsize=8, va='top',
                      bbox=dict(facecolor=BACKGROUND, alpha=0.75, edgecolor='none', pad=2))
        for query in range(len(sampled.scores)):
            there = sampled.view[query, frame] == camera
            x, y = sampled.pixels[query, frame, there].T
            near = np.clip(sampled.depth[query, frame, there], NEAR, FAR)
            axes.scatter(x, y, s=330 / near, color=class_color(query), edgecolors='black',
                         linewidths=0.4)
    figure.subplots_adjust(0.005, 0.01, 0.995, 1 - HEADER / figure.get_figheight(), 0.01, 0.02)
    save_figure(figure, path)


def _query_text(sampled: SampledQueries, query: int) -> str:
    label = int(sampled.labels[query])
    name = sampled.classes[label] if label < len(sampled.classes) else f'class {label}'
    return f'{as_text(name)} {sampled.scores[query]:.2f}'


def _draw_tau(sampled: SampledQueries, point_cloud_range, path: Path) -> None:
    """From above: around each query a circle for each head where attention has lost one unit."""
    figure = Figure(figsize=(6, 6), facecolor=BACKGROUND)
    axes = figure.add_subplot(facecolor=BACKGROUND)
    axes.set(
        xlim=(point_cloud_range[1], point_cloud_range[4]),
        ylim=(point_cloud_range[0], point_cloud_range[3]),
        aspect='equal',
    )
    axes.invert_xaxis()  # forward is up, left is left
    for query, (x, y) in enumerate(sampled.centers):
        color = class_color(query)
        axes.scatter([y], [x], s=12, color=color)
        for tau in sampled.tau[query]:
            if tau > 0:
                axes.add_patch(Circle((y, x), 1 / tau, fill=False, color=color, linewidth=0.7))
        axes.annotate(f'{sampled.tau[query].min():.2f} to {sampled.tau[query].max():.2f}',
                      (y, x), color=color, fontsize=7)
    axes.set_title('tau of each query, smallest to largest head; circles of radius 1 / tau',
                   color=TEXT, fontsize=9)
    axes.tick_params(colors=TEXT, labelsize=7)
    save_figure(figure, path)


def _visible(detector: nn.Module, images: torch.Tensor, frames: int) -> np.ndarray:
    """Normalized images [T*N, 3, H, W] as (T, N, H, W, 3) uint8 RGB."""
    preprocessor = detector.data_preprocessor
    pixels = images * preprocessor.std + preprocessor.mean
    pixels = pixels if preprocessor.bgr_to_rgb else pixels.flip(1)
    pixels = pixels.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels.reshape(frames, -1, *pixels.shape[1:])
