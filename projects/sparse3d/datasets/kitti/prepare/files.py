"""Where the files of one KITTI frame lie, and which frames there are."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sparse3d.datasets.kitti.prepare.text import read_split
from sparse3d.errors import DataError

SPLITS = ('train', 'val', 'trainval', 'test')
_PNG_BEGIN, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'


@dataclass(frozen=True)
class KittiFrame:
    """One frame of the official layout: ``root / folder / kind / name.suffix``."""
    root: Path
    folder: str     # 'training' or 'testing'
    name: str       # '000123'

    def file(self, kind: str) -> Path:
        """Path of the frame's file of one kind: velodyne, calib, image_2, label_2, planes."""
        suffix = dict(velodyne='.bin', image_2='.png').get(kind, '.txt')
        return self.root / self.folder / kind / f'{self.name}{suffix}'

    @property
    def labeled(self) -> bool:
        """Whether the official layout has labels for this frame."""
        return self.folder == 'training'

    def sources(self) -> list[Path]:
        """Every file that an info entry is made of, whether present or not."""
        kinds = ['velodyne', 'calib', 'image_2', *(['label_2', 'planes'] if self.labeled else [])]
        return [self.file(kind) for kind in kinds]


def find_splits(root: Path, all_frames: bool = False) -> dict[str, list[str]]:
    """Names of the frames of every split that the data set has.

    Args:
        root: folder with ``training/`` and ``ImageSets/``.
        all_frames: take every frame of ``training/`` as train, val and trainval
            instead of reading ``ImageSets/``.

    Raises:
        DataError: if there is no KITTI data set at ``root`` or no split.
    """
    if not (root / 'training' / 'velodyne').is_dir():
        raise DataError(f'{root} is not a KITTI data set: it has no training/velodyne folder; '
                        f'see data/README.md for the layout')
    if all_frames:
        names = sorted(path.stem for path in (root / 'training' / 'velodyne').glob('*.bin'))
        return dict(train=names, val=names, trainval=names)
    files = {split: root / 'ImageSets' / f'{split}.txt' for split in SPLITS}
    splits = {split: read_split(path) for split, path in files.items() if path.is_file()}
    if not splits:
        raise DataError(f'{root} has no ImageSets/train.txt, val.txt, trainval.txt or test.txt; '
                        f'add them or use --all-frames to take every frame for training '
                        f'and validation')
    if 'trainval' not in splits and {'train', 'val'} <= splits.keys():
        splits['trainval'] = splits['train'] + splits['val']
    return splits


def read_image_size(path: Path) -> tuple[int, int]:
    """Height and width of a PNG from its header, making sure that its end is there.

    Raises:
        DataError: if the file is missing, no image, or truncated.
    """
    try:
        with open(path, 'rb') as stream:
            begin = stream.read(8)
            stream.seek(-8, 2)
            end = stream.read(8)
        with Image.open(path) as image:
            width, height = image.size
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist') from error
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DataError(f'{path} is not a readable image: {error}') from error
    if begin == _PNG_BEGIN and end != _PNG_END:
        raise DataError(f'{path} is truncated: a PNG ends with an IEND chunk')
    return height, width
