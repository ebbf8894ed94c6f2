"""The files of the logs of Argoverse 2: splits, sweeps, pictures."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparse3d.datasets.argoverse2.poses import POSES
from sparse3d.errors import DataError

SPLITS = ('train', 'val', 'test')
MAGIC = b'ARROW1'


@dataclass(frozen=True)
class LogFolder:
    """One log.

    Attributes:
        root: folder of the data set.
        split: train, val or test.
        name: of the log.
        inside: the folder of the log, relative to ``root``.
    """

    root: Path
    split: str
    name: str
    inside: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.inside

    @property
    def annotations(self) -> Path:
        """The labels; absent in the test split."""
        return self.path / 'annotations.feather'

    def sweeps(self) -> dict[int, str]:
        """Sweeps by time [ns], rising; paths relative to ``root``."""
        return self._by_time('sensors/lidar', '.feather')

    def pictures(self, camera: str) -> dict[int, str]:
        """Pictures of a camera by time [ns], rising."""
        return self._by_time(f'sensors/cameras/{camera}', '.jpg')

    def _by_time(self, folder: str, ending: str) -> dict[int, str]:
        place = self.path / folder
        # Hidden files beside them are those of an operating system (._1.feather of macOS).
        names = [path.name for path in place.glob(f'[!.]*{ending}')] if place.is_dir() else []
        for name in names:
            if not name.removesuffix(ending).isdecimal():
                raise DataError(f'{place / name} is not named after its time in nanoseconds, as '
                                f'315966265259836000{ending} is; remove it')
        times = sorted(int(name.removesuffix(ending)) for name in names)
        return {time: f'{self.inside}/{folder}/{time}{ending}' for time in times}


def find_logs(root: Path, splits: Sequence[str] | None = None) -> dict[str, list[LogFolder]]:
    """Logs by split, in the order of their names.

    Args:
        root: folder with ``sensor/{train,val,test}/``, or with these three.
        splits: those wanted; by default all that are there.

    Raises:
        DataError: if there is no data set, or a split that was asked for is absent.
    """
    base = 'sensor' if (root / 'sensor').is_dir() else '.'
    there = [split for split in SPLITS if (root / base / split).is_dir()]
    if not there:
        raise DataError(f'{root} is no Argoverse 2 sensor data set: it has none of '
                        f'sensor/train, sensor/val, sensor/test{_what_it_is(root)}')
    for split in splits or ():
        if split not in there:
            raise DataError(f'{root} has no split {split!r}; it has {", ".join(there)}')
    prefix = '' if base == '.' else f'{base}/'
    logs = {split: [LogFolder(root, split, path.name, f'{prefix}{split}/{path.name}')
                    for path in sorted((root / base / split).iterdir()) if path.is_dir()]
            for split in there if split in (splits or there)}
    if not any(logs.values()):
        raise DataError(f'{root} has no log in {", ".join(logs)}')
    return logs


def _what_it_is(root: Path) -> str:
    """A log or a split in place of the data set, and what to give then; else nothing."""
    whole = root.absolute()
    if (whole / POSES).is_file():
        return f'; it is one log, give {whole.parent.parent} (or a folder that holds its split)'
    if whole.is_dir() and any(whole.glob(f'*/{POSES}')):
        if whole.name in SPLITS:
            return f'; it is one split, give {whole.parent}'
        return f'; it holds logs, which belong into a folder {", ".join(SPLITS[:-1])} or test'
    return ''


def is_whole(path: Path) -> bool:
    """Whether a feather file has its first and its last bytes."""
    with path.open('rb') as file:
        first = file.read(len(MAGIC))
        if first != MAGIC or path.stat().st_size < 4 * len(MAGIC):
            return False
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC
