"""A tiny KITTI data set in the official layout, written by nothing that is under test."""
from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparse3d.register  # noqa: F401
from distributions import distributions  # noqa: F401  (a fixture)
from flat_world import car, flat_world  # noqa: F401  (fixtures)

WIDTH, HEIGHT, FOCAL = 400, 200, 200.0
# A camera 0.3 m before and 0.1 m below the LiDAR, looking along x.
TR_VELO_TO_CAM = np.array([[0, -1, 0, 0.0], [0, 0, -1, -0.1], [1, 0, 0, -0.3]])
P2 = np.array([[FOCAL, 0, WIDTH / 2, 0], [0, FOCAL, HEIGHT / 2, 0], [0, 0, 1, 0.0]])


class SmallKitti:
    """Writes frames; boxes are given in the LiDAR frame as x, y, z_bottom, l, w, h, yaw."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add_frame(self, number: int, objects=(), points=None, plane=False,
                  folder='training') -> np.ndarray:
        """Write all files of one frame and return its points."""
        name = f'{number:06d}'
        if points is None:
            points = self.points_for(number, [box for _, box in objects])
        self._file(folder, 'velodyne', f'{name}.bin').write_bytes(points.tobytes())
        self._file(folder, 'calib', f'{name}.txt').write_text(self.calibration())
        Image.new('RGB', (WIDTH, HEIGHT)).save(self._file(folder, 'image_2', f'{name}.png'))
        if folder == 'training':
            lines = [self.label(kind, box) for kind, box in objects]
            lines.append('DontCare -1 -1 -10 10 20 30 40 -1 -1 -1 -1000 -1000 -1000 -10')
            self._file(folder, 'label_2', f'{name}.txt').write_text('\n'.join(lines) + '\n')
        if plane:
            text = '# Plane\nWidth 4\nHeight 1\n0.0 -1.0 0.0 1.6\n'
            self._file(folder, 'planes', f'{name}.txt').write_text(text)
        return points

    def add_split(self, split: str, numbers) -> None:
        """Write one file of ImageSets."""
        folder = self.root / 'ImageSets'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{split}.txt').write_text(''.join(f'{number:06d}\n' for number in numbers))

    @staticmethod
    def points_for(seed: int, boxes) -> np.ndarray:
        """A ground of 2,000 points all round and 60 points inside each box."""
        random = np.random.default_rng(seed)
        ground = np.column_stack([random.uniform(-40, 60, 2000), random.uniform(-30, 30, 2000),
                                  np.full(2000, -1.73)])
        inside = [SmallKitti.fill(random, box) for box in boxes]
        xyz = np.concatenate([ground, *inside])
        return np.column_stack([xyz, random.uniform(0, 1, len(xyz))]).astype(np.float32)

    @staticmethod
    def fill(random, box, count=60) -> np.ndarray:
        """Points well inside a box."""
        x, y, z, length, width, height, yaw = box
        a, b, c = (random.uniform(-0.45, 0.45, (3, count)).T * (length, width, height)).T
        return np.column_stack([x + a * np.cos(yaw) - b * np.sin(yaw),
                                y + a * np.sin(yaw) + b * np.cos(yaw), z + height / 2 + c])

    @staticmethod
    def label(kind: str, box) -> str:
        """One label line; the image box is that of the eight corners."""
        x, y, z, length, width, height, yaw = box
        rotation_y = (-yaw - np.pi / 2 + np.pi) % (2 * np.pi) - np.pi
        camera = TR_VELO_TO_CAM @ (x, y, z, 1)
        corners = [(x + sa * length / 2 * np.cos(yaw) - sb * width / 2 * np.sin(yaw),
                    y + sa * length / 2 * np.sin(yaw) + sb * width / 2 * np.cos(yaw), z + h, 1)
                   for sa in (-1, 1) for sb in (-1, 1) for h in (0, height)]
        u, v, depth = P2 @ np.vstack([TR_VELO_TO_CAM @ np.array(corners).T, np.ones(8)])
        left, right = np.clip([(u / depth).min(), (u / depth).max()], 0, WIDTH - 1)
        top, bottom = np.clip([(v / depth).min(), (v / depth).max()], 0, HEIGHT - 1)
        numbers = [left, top, right, bottom, height, width, length, *camera, rotation_y]
        return f'{kind} 0.00 0 0.00 ' + ' '.join(f'{number:.4f}' for number in numbers)

    @staticmethod
    def calibration() -> str:
        """Text of a calibration file."""
        def row(matrix):
            return ' '.join(f'{number:.6e}' for number in np.ravel(matrix))
        lines = [f'P{camera}: {row(P2)}' for camera in range(4)]
        lines += [f'R0_rect: {row(np.eye(3))}', f'Tr_velo_to_cam: {row(TR_VELO_TO_CAM)}',
                  f'Tr_imu_to_velo: {row(np.eye(4)[:3])}', '']
        return '\n'.join(lines)

    def _file(self, folder: str, kind: str, name: str) -> Path:
        path = self.root / folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


CAR = ('Car', (12.0, 2.0, -1.7, 4.0, 1.7, 1.5, 0.3))
FAR_CAR = ('Car', (25.0, -6.0, -1.7, 3.9, 1.6, 1.5, -2.5))
PEDESTRIAN = ('Pedestrian', (8.0, -2.0, -1.7, 0.8, 0.6, 1.8, 1.0))
CYCLIST = ('Cyclist', (15.0, -4.0, -1.7, 1.8, 0.6, 1.7, 2.0))


@pytest.fixture
def small_kitti(tmp_path) -> SmallKitti:
    """Three training frames (the last without objects), one for validation, one for testing."""
    data = SmallKitti(tmp_path / 'kitti')
    data.add_frame(3, [CAR, PEDESTRIAN], plane=True)
    data.add_frame(5, [FAR_CAR, CYCLIST])
    data.add_frame(7)
    data.add_frame(8, [CAR, FAR_CAR])
    data.add_frame(1, folder='testing')
    data.add_split('train', [3, 5, 7])
    data.add_split('val', [8])
    data.add_split('test', [1])
    return data


@pytest.fixture(scope='session')
def simulated_nuscenes(tmp_path_factory) -> Path:
    """Two scenes of 2.5 s (train, val) with coarse sensors; to be read only."""
    from sparse3d.datasets.nuscenes.simulate import NuScenesOptions, simulate_nuscenes
    root = tmp_path_factory.mktemp('simulated') / 'nuscenes'
    options = NuScenesOptions(seconds=2.5, image_width=80, camera_rate=4, azimuths=240)
    simulate_nuscenes(root, 2, seed=3, options=options, show_progress=False)
    return root


def damaged_versions(content: bytes, count: int, seed: int = 0):
    """Copies of a file's content: half of them cut off, half with one bit flipped.

    Half of the places lie near the ends, where headers and checksums are.
    """
    random = np.random.default_rng(seed)
    for number in range(count):
        near_end = random.integers(min(len(content), 64)) * random.choice([1, -1])
        place = int(random.choice([random.integers(len(content)), near_end])) % len(content)
        if number % 2:
            yield content[:place]
        else:
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(random.integers(8))
            yield bytes(flipped)


@pytest.fixture
def damage():
    """Writes damaged versions of a file and checks what reading them does."""
    def check(path: Path, read, is_right=None, count: int = 40, seconds: float = 10.0) -> int:
        """Number of versions that were refused, with an error that names the file.

        Args:
            path: the file; whole again at the end.
            read: reads it; may raise ``Sparse3DError`` and nothing else.
            is_right: whether what it returned is right or, without checksums, could be.
        """

        from sparse3d.errors import Sparse3DError
        whole, refused = path.read_bytes(), 0
        for content in damaged_versions(whole, count):
            path.write_bytes(content)
            start = time.monotonic()
            try:
                result = read()
            except Sparse3DError as error:
                refused += 1
                assert path.name in str(error), f'the error does not name {path.name}: {error}'
            else:
                assert is_right is None or is_right(result)
            assert time.monotonic() - start < seconds
        path.write_bytes(whole)
        return refused
    return check
