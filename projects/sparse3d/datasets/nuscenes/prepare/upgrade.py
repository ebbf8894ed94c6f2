"""Info files of mmdet3d before 1.1 for nuScenes, and of what grew from it, in the layout of 1.4.

SparseBEV's hold poses of cameras to the world and, in place of LiDAR sweeps, pictures between key
frames; StreamPETR's and BEVDet's say which samples follow each other.

Two kinds of file look alike: up to 0.18 boxes are (x, y, z, w, l, h, -yaw - pi/2), from 1.0 on
(x, y, z, l, w, h, yaw). Nothing in them says which; the shapes of vehicles do.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASSES, NO_ATTRIBUTE
from sparse3d.datasets.nuscenes.prepare.camera_instances import camera_instances
from sparse3d.datasets.nuscenes.prepare.frames import BOX_CONVENTION
from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import first_frame
from sparse3d.structures.box_conversions import wrap_angle
from sparse3d.structures.quaternions import rotation_matrices
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.image_files import image_size
from sparse3d.transforms.info_files import FORMAT_VERSION
from sparse3d.version import __version__

_LONG = ('car', 'truck', 'trailer', 'bus')
_HEIGHT_WIDTH = 900, 1600  # of nuScenes' pictures, where they are not there to be looked at


def upgrade(old: Any, path: Path) -> tuple[dict, list[dict], str] | None:
    """:func:`upgraded_nuscenes` of a file that is of this data set, else None.

    Raises:
        DataError: as that function, and for files of other programs.
    """
    mine = isinstance(old, Mapping) and 'lidar2ego_rotation' in first_frame(old)
    return upgraded_nuscenes(old, path) if mine else None


def upgraded_nuscenes(old: Mapping, path: Path) -> tuple[dict, list[dict], str]:
    """Metainfo and entries of the new file, and what was done, in words.

    A file that does not say which samples follow each other, as mmdet3d's own, serves models of
    a single frame. What a file has of scenes (``scene_token``, ``prev``) and of pictures between
    key frames (SparseBEV's) is kept; there are no attributes.

    Args:
        old: what the old file holds.
        path: the old file, for messages.

    Raises:
        DataError: if a sample is damaged, or its boxes could be of either kind.
    """
    infos = old['infos']
    turned = _has_old_boxes(infos, path)
    sizes = _sizes_of_pictures(infos, path)
    entries = [_entry(info, row, turned, sizes, path) for row, info in enumerate(infos)]
    said = _add_scenes(entries)
    metainfo = dict(
        categories={name: label for label, name in enumerate(CLASSES)}, dataset='nuscenes',
        version=old.get('metadata', {}).get('version', 'v1.0-trainval'), info_version='1.1',
        stamp=dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                   source=f'{path.name} of mmdet3d {"0.x" if turned else "1.0"}, upgraded',
                   options={}, writer=f'sparse3d {__version__}'))
    boxes = ('boxes of mmdet3d 0.x turned and their sizes reordered' if turned
             else 'boxes of mmdet3d 1.0 kept as they are')
    return metainfo, entries, f'{boxes}, {said}'


def _add_scenes(entries: list[dict]) -> str:
    """Scenes that the chain of samples shows, if they are not named; what was found, in words."""
    if all('scene_token' not in entry for entry in entries) and all(
            'prev' in entry for entry in entries):
        before = None
        for entry in entries:
            follows = before is not None and entry['prev'] == before['token']
            entry['scene_token'] = before['scene_token'] if follows else entry['token']
            before = entry
    named = [entry for entry in entries if 'scene_token' in entry]
    if len(named) < len(entries) or not entries:
        for entry in named:
            del entry['scene_token']
        return 'scenes unknown: for models of a single frame'
    entries.sort(key=_scenes_in_order(entries))
    place, scene = 0, None
    for row, entry in enumerate(entries):
        place = place + 1 if entry['scene_token'] == scene else 0
        scene = entry['scene_token']
        entry.update(sample_idx=row, frame_idx=place)
    sweeps = sum(len(entry.get('image_sweeps', ())) for entry in entries)
    return (f'{len({entry["scene_token"] for entry in entries})} scene(s), {sweeps} sets of '
            f'pictures between key frames')


def _scenes_in_order(entries: list[dict]) -> Callable[[dict], tuple[int, float]]:
    """Scenes as they come, samples in order of time (BEVDet's and others' may be shuffled)."""
    order = {token: number for number, token in
             enumerate(dict.fromkeys(entry['scene_token'] for entry in entries))}
    return lambda entry: (order[entry['scene_token']], entry['timestamp'])


def _has_old_boxes(infos: list[dict], path: Path) -> bool:
    """Whether width comes before length."""
    shapes = [np.asarray(info['gt_boxes'])[np.isin(info['gt_names'], _LONG), 3:5]
              for info in infos if len(info.get('gt_names', ()))]
    ratios = np.concatenate([shape[:, 0] / shape[:, 1] for shape in shapes] or [np.zeros(0)])
    if not any('gt_boxes' in info for info in infos):
        return False
    if len(ratios) < 5 or .8 < np.median(ratios) < 1.25:
        raise DataError(f'{path} holds too few vehicles to tell whether its boxes are of mmdet3d '
                        f'0.x or 1.0; make it again with "sparse3d create-data nuscenes"')
    return bool(np.median(ratios) < 1)


def _entry(info: Mapping, row: int, turned: bool, sizes: Mapping[str, tuple[int, int]],
           path: Path) -> dict:
    try:
        entry = dict(
            sample_idx=row, token=info['token'], timestamp=info['timestamp'] / 1e6,
            ego2global=_matrix(info, 'ego2global').tolist(),
            lidar_points=dict(num_pts_feats=5, lidar_path=_file_name(info['lidar_path']),
                              lidar2ego=_matrix(info, 'lidar2ego').tolist()),
            images={camera: _image(image, info, _file_name(image['data_path']), sizes[camera])
                    for camera, image in info.get('cams', {}).items()})
        entry.update({key: info[key] for key in ('scene_token', 'prev', 'next') if key in info})
        sweeps = info.get('sweeps') or ()
        if _are_of_cameras(sweeps):
            entry['image_sweeps'] = [dict(images={
                camera: _image(image, info, _inside_root(image['data_path']),
                               sizes.get(camera, _HEIGHT_WIDTH))
                for camera, image in sweep.items()}) for sweep in sweeps if sweep]
        elif sweeps:
            entry['lidar_sweeps'] = [_sweep(sweep) for sweep in sweeps]
        if 'gt_boxes' in info:
            entry['instances'] = _instances(info, turned)
            entry['cam_instances'] = {
                camera: camera_instances(entry['instances'], np.array(image['lidar2cam']),
                                         np.array(image['cam2img']), sizes[camera])
                for camera, image in entry['images'].items()}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f'sample {row} of {path} is damaged ({type(error).__name__}: '
                        f'{error})') from error
    return entry


def _instances(info: Mapping, turned: bool) -> list[dict]:
    boxes = np.array(info['gt_boxes'], dtype=np.float64).reshape(-1, 7)
    if turned:
        boxes = np.column_stack([boxes[:, :3], boxes[:, [4, 3, 5]],
                                 wrap_angle(-boxes[:, 6] - np.pi / 2)])
    labels = [CLASSES.index(name) if name in CLASSES else -1 for name in info['gt_names']]
    return [dict(bbox_3d=box.tolist(), velocity=[float(value) for value in velocity],
                 bbox_label=label, bbox_label_3d=label, num_lidar_pts=int(lidar),
                 num_radar_pts=int(radar), bbox_3d_isvalid=bool(lidar + radar > 0),
                 attr_label=NO_ATTRIBUTE)
            for box, velocity, label, lidar, radar in zip(
                boxes, info['gt_velocity'], labels, info['num_lidar_pts'], info['num_radar_pts'],
                strict=True)]


def _sweep(sweep: Mapping) -> dict:
    return dict(
        timestamp=sweep['timestamp'] / 1e6, ego2global=_matrix(sweep, 'ego2global').tolist(),
        sample_data_token=sweep['sample_data_token'],
        lidar_points=dict(lidar_path=_inside_root(sweep['data_path']),
                          lidar2ego=_matrix(sweep, 'sensor2ego').tolist(),
                          lidar2sensor=_from_lidar(sweep).tolist()))


def _sizes_of_pictures(infos: Sequence[Mapping], path: Path) -> dict[str, tuple[int, int]]:
    """Height and width of the first picture of each camera, looked for beside the info file."""
    sizes: dict[str, tuple[int, int]] = {}
    for info in infos:
        cameras = info.get('cams') if isinstance(info, Mapping) else None
        for camera, image in cameras.items() if isinstance(cameras, Mapping) else ():
            if camera in sizes:
                continue
            sizes[camera] = _HEIGHT_WIDTH
            try:
                name = _file_name(image['data_path'])
                sizes[camera] = image_size(path_inside(path.parent, f'samples/{camera}/{name}'))
            except (DataError, KeyError, TypeError):
                pass  # not beside the file, or told later
    return sizes


def _are_of_cameras(sweeps: Sequence[Mapping]) -> bool:
    """Whether sweeps are SparseBEV's: pictures by camera, not point clouds."""
    first = next((sweep for sweep in sweeps if sweep), {})
    return bool(first) and all(isinstance(image, Mapping) for image in first.values())


def _image(image: Mapping, info: Mapping, path: str, size: tuple[int, int]) -> dict:
    """A picture; poses that SparseBEV's files leave out follow from those that they have.

    Its poses of the car at the time of a picture are then those of the key frame, and the
    car's motion meanwhile counts to the camera: ``lidar2cam`` is exact.
    """
    lidar2cam = _from_lidar(image) if 'sensor2lidar_rotation' in image else \
        np.linalg.inv(_sensor2global(image)) @ _matrix(info, 'ego2global') @ _matrix(
            info, 'lidar2ego')
    if 'sensor2ego_rotation' in image and 'ego2global_rotation' in image:
        cam2ego, ego2global = _matrix(image, 'sensor2ego'), _matrix(image, 'ego2global')
    else:
        cam2ego = _matrix(info, 'lidar2ego') @ np.linalg.inv(lidar2cam)
        ego2global = _matrix(info, 'ego2global')
    return dict(
        img_path=path, cam2img=np.array(image['cam_intrinsic']).tolist(),
        cam2ego=cam2ego.tolist(), height=size[0], width=size[1], ego2global=ego2global.tolist(),
        lidar2cam=lidar2cam.tolist(), sample_data_token=image.get('sample_data_token', ''),
        timestamp=image['timestamp'] / 1e6)


def _sensor2global(image: Mapping) -> np.ndarray:
    """SparseBEV stores the rotation transposed, for points in rows."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image['sensor2global_rotation']).T
    matrix[:3, 3] = image['sensor2global_translation']
    return matrix


def _from_lidar(sensor: Mapping) -> np.ndarray:
    """Pose (4, 4) from the key frame's LiDAR to a sensor."""
    matrix = np.eye(4)
    matrix[:3, :3] = sensor['sensor2lidar_rotation']
    matrix[:3, 3] = sensor['sensor2lidar_translation']
    return np.linalg.inv(matrix)


def _matrix(record: Mapping, name: str) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrices(record[f'{name}_rotation'])
    matrix[:3, 3] = record[f'{name}_translation']
    return matrix


def _inside_root(path: str) -> str:
    """The path from ``samples`` or ``sweeps`` on; old files begin with the data root."""
    parts = PurePosixPath(str(path).replace('\\', '/')).parts
    starts = [place for place, part in enumerate(parts) if part in ('samples', 'sweeps')]
    return '/'.join(parts[starts[-1]:]) if starts else '/'.join(parts)


def _file_name(path: str) -> str:
    """The name of a file; the path may have been written on Windows."""
    return PurePosixPath(str(path).replace('\\', '/')).name
