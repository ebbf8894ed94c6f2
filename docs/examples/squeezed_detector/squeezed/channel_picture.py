"""A picture of which channels a sample needed."""
from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sparse3d.errors import ConfigError
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.picture_files import save_figure
from squeezed.detector import SqueezedDetector


def write_channel_weights(model: Any, batch: dict, frame: Frame, folder: str | PathLike,
                          score_threshold: float) -> list[Path]:
    """Write ``<frame>_channel_weights.png``, a bar for each channel.

    Raises:
        ConfigError: if the model is no ``SqueezedDetector``.
    """
    if not isinstance(model, SqueezedDetector):
        raise ConfigError(f'channel_weights are of a SqueezedDetector, not of a '
                          f'{type(model).__name__}')
    seen = []
    hook = model.squeeze.register_forward_hook(
        lambda part, inputs, output: seen.append(part.weights(inputs[0])[0]))
    try:
        model.test_step(batch)
    finally:
        hook.remove()
    weights = seen[0].cpu().numpy()
    figure = Figure(figsize=(8, 3), layout='constrained')
    axes = figure.add_subplot()
    axes.bar(range(len(weights)), weights)
    axes.set(xlabel='channel', ylabel='weight', ylim=(0, 1))
    path = Path(folder) / f'{file_name(frame.name)}_channel_weights.png'
    save_figure(figure, path)
    return [path]
