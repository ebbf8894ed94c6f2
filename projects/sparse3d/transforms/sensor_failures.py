"""Transforms that take sensors away: what fusion is for, and what it loses without them."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from sparse3d.errors import ConfigError

LOWEST_BEAM, BEAM_STEP = -30.67, 1.333  # degrees; HDL-32E, the LiDAR of nuScenes


@TRANSFORMS.register_module()
class DropPoints(BaseTransform):
    """Take all LiDAR points away: a detector that has cameras alone."""

    def transform(self, results: dict) -> dict:
        """Empty ``points``."""
        results['points'] = results['points'][torch.zeros(len(results['points']), dtype=bool)]
        return results


@TRANSFORMS.register_module()
class DropBeams(BaseTransform):
    """Keep every ``interval``-th beam of the LiDAR.

    nuScenes' files tell a point's beam, merged sweeps do not; here it is the one that its
    elevation is nearest to, which is exact for the newest sweep and nearly so for older ones.

    Args:
        interval: 2 for half of the beams.
    """

    def __init__(self, interval: int = 2) -> None:
        if interval < 1:
            raise ConfigError(f'every {interval}-th beam cannot be kept; give 1 or more')
        self.interval = interval

    def transform(self, results: dict) -> dict:
        """Thin out ``points``."""
        xyz = results['points'].tensor[:, :3]
        elevation = torch.rad2deg(torch.atan2(xyz[:, 2], xyz[:, :2].norm(dim=1)))
        beam = ((elevation - LOWEST_BEAM) / BEAM_STEP).round().long()
        results['points'] = results['points'][beam % self.interval == 0]
        return results


@TRANSFORMS.register_module()
class DropCameras(BaseTransform):
    """Black out cameras and say so in ``image_valid``.

    Args:
        cameras: names as in ``view_names``; all if None.
        said: whether ``image_valid`` tells; else the detector sees black pictures unwarned.

    Raises:
        ConfigError: if the sample has no such camera.
    """

    def __init__(self, cameras: Sequence[str] | None = None, said: bool = True) -> None:
        self.cameras, self.said = cameras, said

    def transform(self, results: dict) -> dict:
        """Black out the images."""
        names = list(results['view_names'])
        gone = set(names if self.cameras is None else self.cameras)
        if gone - set(names):
            raise ConfigError(f'there is no camera {sorted(gone - set(names))[0]!r} '
                              f'(there are {", ".join(dict.fromkeys(names))})')
        lost = np.array([name in gone for name in names])
        results['img'] = [image * 0 if there_is_none else image for image, there_is_none
                          in zip(results['img'], lost[:len(results['img'])], strict=True)]
        if self.said:
            valid = np.array(results.get('image_valid', np.ones(len(names), dtype=bool)))
            results['image_valid'] = valid & ~lost
        return results
