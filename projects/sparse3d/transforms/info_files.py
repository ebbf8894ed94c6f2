"""Info files in the layout of mmdet3d 1.4, stamped, checksummed and read without running code.

A file is a pickle of ``dict(metainfo=..., data_list=[...])`` followed by a line with
its CRC-32, which pickle readers elsewhere (mmdet3d's too) ignore. ``metainfo['stamp']``
says what the file means: format version, box convention, source, options, writer.
"""
from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import atomic_file
from sparse3d.errors import DataError
from sparse3d.plugins import data_sets
from sparse3d.remote_paths import is_remote
from sparse3d.safe_pickle import loads_plain
from sparse3d.transforms.point_files import read_bytes

FORMAT_VERSION = 1
_TRAILER = b'\nsparse3d-crc32:'
_TRAILER_LENGTH = len(_TRAILER) + 8
UPGRADE = 'sparse3d create-data upgrade'


def write_plain_file(path: str | os.PathLike, content: Any) -> None:
    """Write plain data (containers, numbers, numpy) as a whole, with a checksum.

    Equal content gives equal bytes, whichever processes its parts come from.

    Raises:
        DataError: if the file cannot be written; an older file stays.
    """
    stream = pickle.dumps(_unshared(content, {}), protocol=4)
    with atomic_file(path) as file:
        file.write(stream + _TRAILER + b'%08x' % zlib.crc32(stream))


def _unshared(value: Any, texts: dict) -> Any:
    """A copy in which equal texts are one object, and nothing else is in two places.

    A pickle refers back to an object that it has seen; what came through another process is no
    longer the same object.
    """
    if isinstance(value, str | bytes):
        return texts.setdefault((type(value), value), value)
    if type(value) is dict:
        return {_unshared(key, texts): _unshared(item, texts) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_unshared(item, texts) for item in value)
    if type(value) is np.ndarray and not value.dtype.hasobject and value.dtype.names is None:
        copy = np.empty(value.shape, value.dtype.str)  # one dtype for all
        copy[...] = value
        return copy
    return value


def read_plain_file(path: str | os.PathLike) -> Any:
    """Read plain data written by :func:`write_plain_file` or by others as a pickle.

    Raises:
        DataError: if the file is missing, damaged or holds anything but plain data.
    """
    content = read_bytes(path)
    if content[-_TRAILER_LENGTH:].startswith(_TRAILER):
        stream, checksum = content[:-_TRAILER_LENGTH], content[-8:]
        if checksum != b'%08x' % zlib.crc32(stream):
            raise DataError(f'{path} is damaged (checksum differs); '
                            f'make it again with sparse3d create-data')
    elif _ends_within_trailer(content):
        raise DataError(f'{path} is cut short within its checksum; make it again with '
                        f'sparse3d create-data')
    return loads_plain(content, str(path))


def _ends_within_trailer(content: bytes) -> bool:
    """Whether the end of a pickle is followed by a part of our checksum."""
    tail = content[-_TRAILER_LENGTH:]
    rest = tail[tail.rfind(b'.\n') + 1:]
    return 1 < len(rest) < len(tail) and (_TRAILER.startswith(rest) or rest.startswith(_TRAILER))


def write_info_file(path: str | os.PathLike, metainfo: dict, data_list: list[dict]) -> None:
    """Write an info file; ``metainfo`` must carry ``dataset`` and ``stamp``.

    Raises:
        DataError: if the file cannot be written; an older file stays.
    """
    missing = {'dataset', 'stamp'} - metainfo.keys()
    if missing:
        raise DataError(f'metainfo of {path} lacks {", ".join(sorted(missing))}')
    write_plain_file(path, dict(metainfo=metainfo, data_list=data_list))


def read_info_file(path: str | os.PathLike, dataset: str) -> dict:
    """Read an info file and make sure that it is what it should be.

    Files of mmdet3d 1.x without our stamp are accepted; their layout is the same.

    Args:
        path: the ``.pkl`` file.
        dataset: which data set it has to be of, e.g. ``'kitti'``.

    Returns:
        ``dict(metainfo=dict, data_list=list[dict])``.

    Raises:
        DataError: if the file is missing, damaged, of mmdet3d 0.x (other entries
            and LiDAR boxes), of a later format or of another data set.
    """
    if not is_remote(path) and not Path(path).exists():
        raise DataError(f'the info file {path} does not exist; make it with "sparse3d create-data '
                        f'{dataset} {_raw_folder(Path(path), dataset)}", or name the folder where '
                        f'it lies (--cfg-options data_root=FOLDER)')
    info = read_plain_file(path)
    check_info(info, dataset, str(path))
    return info


def check_info(info: Any, dataset: str, source: str) -> None:
    """Raise :class:`DataError` unless ``info`` is in the 1.4 layout and of ``dataset``."""
    refuse_openpcdet(info, source)
    if is_old_layout(info):
        raise DataError(f'{source} was written by mmdet3d 0.x, whose entries and LiDAR boxes are '
                        f'others; make it again with "sparse3d create-data {dataset}"'
                        f'{_other_way(dataset)}')
    if (not isinstance(info, dict) or not isinstance(info.get('metainfo'), Mapping)
            or not isinstance(info.get('data_list'), list)):
        raise DataError(f'{source} is not an info file: it lacks metainfo and data_list')
    found = info['metainfo'].get('dataset')
    if found != dataset:
        raise DataError(f'{source} describes the data set {found!r}, not {dataset!r}; '
                        f'check ann_file in the config')
    stamp = info['metainfo'].get('stamp', {})
    version = stamp.get('format_version', FORMAT_VERSION) if isinstance(stamp, Mapping) else None
    if not isinstance(version, int):
        raise DataError(f'{source} is damaged: its stamp {stamp!r:.60} names no format; make it '
                        f'again with sparse3d create-data')
    if version > FORMAT_VERSION:
        raise DataError(f'{source} has format {version}, this release reads up to '
                        f'{FORMAT_VERSION}; update Sparse3D or make the file again')


def refuse_openpcdet(info: Any, source: str) -> None:
    """Raise :class:`DataError` for what OpenPCDet wrote, naming the command that makes ours."""
    data_set = openpcdet_data_set(info)
    if data_set is not None:
        way = f' or convert it with "{UPGRADE}"' if data_set == 'kitti' else ''
        raise DataError(f'{source} was written by OpenPCDet, whose entries are others; make it '
                        f'again with "sparse3d create-data {data_set}"{way}')


def openpcdet_data_set(info: Any) -> str | None:
    """Which data set a bare list of frames is of if OpenPCDet wrote it; None if it did not.

    Source: ``get_infos`` of OpenPCDet 0.6's data sets, ``fill_trainval_infos`` for nuScenes.
    """
    first = info[0] if isinstance(info, list) and info else None
    if not isinstance(first, Mapping):
        return None
    cloud = first.get('point_cloud')
    if isinstance(cloud, Mapping) and 'lidar_sequence' in cloud:
        return 'waymo'
    if isinstance(cloud, Mapping) and 'velodyne_path' in cloud and 'uuid' in first:
        return 'argoverse2'
    if isinstance(cloud, Mapping) and 'lidar_idx' in cloud:
        return 'kitti' if 'calib' in first else 'custom'
    return 'nuscenes' if {'ref_from_car', 'car_from_global'} <= first.keys() else None


def _raw_folder(path: Path, dataset: str) -> Path:
    """The folder that ``create-data`` takes: info files may be made in one below it."""
    owner = data_sets().get(dataset)
    depths = [len(Path(pattern).parts) for pattern in (owner.info_files if owner else ())
              if path.match(pattern)]
    for _ in range(max(depths, default=1)):
        path = path.parent
    return path


def _other_way(dataset: str) -> str:
    owner = data_sets().get(dataset)
    return ' or convert it with "sparse3d create-data upgrade"' if owner and owner.upgrade else ''


def is_old_layout(info: Any) -> bool:
    """Whether this is what mmdet3d before 1.0 wrote: a bare list, or infos and metadata."""
    if isinstance(info, list):
        return bool(info) and isinstance(info[0], dict) and (
            'annos' in info[0] or 'calib' in info[0] or 'point_cloud' in info[0])
    return isinstance(info, dict) and 'infos' in info and 'data_list' not in info
