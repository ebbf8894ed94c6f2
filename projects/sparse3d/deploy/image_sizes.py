"""How large the images of a graph are."""
from __future__ import annotations

from mmengine.config import Config
from torch import nn

from sparse3d.errors import ConfigError


def image_size_of(config: Config) -> tuple[int, int]:
    """Height and width of the images that the test pipeline gives [px].

    Raises:
        ConfigError: if the pipeline does not fix it.
    """
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] == 'AugmentImages':
            return tuple(transform['size'])
    raise ConfigError('the test pipeline has no AugmentImages, which says how large images are')


def padded_size(detector: nn.Module, image_size: tuple[int, int]) -> tuple[int, int]:
    """Height and width after the padding of a detector's ``data_preprocessor`` [px]."""
    divisor = detector.data_preprocessor.size_divisor
    return tuple(-(-length // divisor) * divisor for length in image_size)
