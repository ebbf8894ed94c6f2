"""What a frame is called, as the user knows it: by its files."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE_ENDINGS = ('.bin', '.pcd', '.npy', '.npz', '.las', '.laz', '.ply', '.feather', '.png', '.jpg',
                '.jpeg', '.txt')


def frame_name(info: Mapping[str, Any]) -> str:
    """The name that a data set gives (``frame_name``), else that of the frame's files, else ''.

    Args:
        info: description of a sample, as the data set gives it.
    """
    stem = stem_of(info).replace('__LIDAR_TOP__', '__')     # of nuScenes: the drive and the time
    return str(info.get('frame_name') or stem)


def stem_of(info: Mapping[str, Any]) -> str:
    """Name of the cloud, or else of the image, of a sample, without its endings; '' if unknown."""
    stem = Path(info.get('lidar_path') or info.get('img_path') or '').name
    while Path(stem).suffix.lower() in FILE_ENDINGS:
        stem = Path(stem).stem
    return stem
