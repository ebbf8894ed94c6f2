"""Which segments a Waymo data set has, and how each is read."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparse3d.datasets.waymo.frame import WaymoFrame
from sparse3d.datasets.waymo.prepare.point_counts import with_point_counts
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2
from sparse3d.errors import DataError

# Folder of a split: its name in info files and the first digit of its frames' names.
SPLITS = dict(training=('train', 0), validation=('val', 1), testing=('test', 2),
              testing_3d_camera_only_detection=('test_cam_only', 3))
VERSIONS = ('v1', 'v2')
_PATTERNS = dict(v1='*.tfrecord', v2='vehicle_pose/*.parquet')
# What is often in the place of the files above, and what to do about it.
_INSTEAD = {'**/*.tar': 'unpack it', '**/*.tfrecord.gz': 'unpack it',
            '**/*.gstmp': 'its download was stopped, fetch it again',
            '**/*.tfrecord.part': 'its download was stopped, fetch it again',
            '**/*.tfrecord': 'move it to training/, validation/ or testing/',
            '**/*.TFRECORD': 'move it to training/, validation/ or testing/'}
FRAMES_OF_A_NUMBER = 1000   # a frame's number: split, segment, frame, three digits each


@dataclass(frozen=True)
class Segment:
    """One recording of about 20 s."""
    root: Path
    folder: str      # 'training'
    version: str     # 'v1' or 'v2'
    index: int       # in the sorted list of its folder
    file: str        # name of the TFRecord file, or of the file in every component's folder

    @property
    def split(self) -> str:
        """Name of the split in info files."""
        return SPLITS[self.folder][0]

    def frame_name(self, frame: int) -> str:
        """Name of a frame's files as mmdet3d has it: split, segment, frame."""
        return f'{SPLITS[self.folder][1]}{self.index:03d}{frame:03d}'

    def sources(self) -> list[Path]:
        """The files that the segment consists of."""
        folder = self.root / self.folder
        if self.version == 'v1':
            return [folder / self.file]
        return sorted(folder.glob(f'*/{self.file}'))

    def frames(self) -> Iterator[WaymoFrame]:
        """Read the segment; see :func:`read_v1`, :func:`read_v2` and :func:`with_point_counts`."""
        folder = self.root / self.folder
        read = (read_v1(folder / self.file) if self.version == 'v1'
                else read_v2(folder, Path(self.file).stem))
        return with_point_counts(read, str(folder / self.file))

    def __str__(self) -> str:
        return f'{self.folder}/{self.file}'


def find_segments(root: Path, version: str = 'auto') -> dict[str, list[Segment]]:
    """Segments of every split, sorted as mmdet3d numbers them.

    Args:
        root: folder with ``training/`` and so on; in each either ``*.tfrecord`` (v1) or
            one folder per component with ``<segment>.parquet`` (v2).
        version: ``'v1'``, ``'v2'`` or ``'auto'`` for the one that is there.

    Raises:
        DataError: if there is none, or both with ``'auto'``.
    """
    found = {name: _segments(root, name) for name in (VERSIONS if version == 'auto' else [version])}
    found = {name: segments for name, segments in found.items() if segments}
    if not found:
        raise DataError(f'{root} is not a Waymo data set: it has no training/*.tfrecord (v1) and '
                        f'no training/vehicle_pose/*.parquet (v2), nor of the other splits'
                        f'{_what_is_there(root)}; see data/README.md for the layout')
    if len(found) > 1:
        raise DataError(f'{root} holds both versions of the data set; choose with --version')
    return next(iter(found.values()))


def repeated_segments(infos: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Sentences on segments that stand twice in a data set, in one split or in two.

    Args:
        infos: entries of the info file of each split.
    """
    places: dict[str, dict[str, None]] = {}
    for split, entries in infos.items():
        for entry in entries if split != 'trainval' else ():  # train and val once more
            number = int(entry.get('sample_idx', 0)) // FRAMES_OF_A_NUMBER % FRAMES_OF_A_NUMBER
            where = places.setdefault(entry.get('context_name', ''), {})
            where[f'{split} (number {number})'] = None
    return [f'the segment {name} stands in {" and in ".join(where)}; remove all files of it but '
            f'one and prepare the data again'
            for name, where in places.items() if name and len(where) > 1]


def folders_without_segments(root: Path, version: str) -> list[str]:
    """Sentences on folders of splits that hold something, but no segment of this version."""
    wanted = _PATTERNS[version]
    return [f'left out: {root / folder} holds no {wanted}, which format {version} needs'
            for folder in SPLITS
            if (root / folder).is_dir() and any((root / folder).iterdir())
            and not _files(root / folder, wanted)]


def _segments(root: Path, version: str) -> dict[str, list[Segment]]:
    pattern = _PATTERNS.get(version)
    if pattern is None:
        raise DataError(f'there is no version {version!r} of Waymo; known are auto, v1, v2')
    names = {folder: sorted(path.name for path in _files(root / folder, pattern))
             for folder in SPLITS}
    return {SPLITS[folder][0]: [Segment(root, folder, version, index, name)
                                for index, name in enumerate(files)]
            for folder, files in names.items() if files}


def _files(folder: Path, pattern: str) -> list[Path]:
    """Files of a pattern, in capitals too; without those that a Mac puts beside them."""
    *above, name = pattern.split('/')
    ending = Path(name).suffix
    return [path for path in folder.glob('/'.join([*above, '*']))
            if path.suffix.lower() == ending and not path.name.startswith('._')]


def _what_is_there(root: Path) -> str:
    for pattern, way_out in _INSTEAD.items():
        found = next(root.glob(pattern), None)
        if found is not None:
            return f', but {found.relative_to(root)}: {way_out}'
    return ''
