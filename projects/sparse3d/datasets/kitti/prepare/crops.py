"""Objects of KITTI's database cut out of its images."""
from __future__ import annotations

import os

from sparse3d.preparation.object_crops import prepare_object_images


def cut_crops(root: str | os.PathLike, workers: int = 1) -> dict:
    """Cut them out; as :func:`sparse3d.preparation.object_crops.prepare_object_images`."""
    return prepare_object_images(root, 'kitti', lambda camera: 'training/image_2', workers)
