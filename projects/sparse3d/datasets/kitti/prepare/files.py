"""Where the files of one KITTI frame lie, and which frames there are."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sparse3d.datasets.kitti.prepare.text import read_split
from sparse3d.errors import DataError

SPLITS = ('train', 'val', 'trainval', 'test')
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.PNG', '.JPG', '.JPEG')
_PNG_BEGIN, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'
_JPEG_BEGIN, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_TAIL = 4096    # bytes behind the end that some cameras write more into


@dataclass(frozen=True)
class KittiFrame:
    """One frame of the official layout: ``root / folder / kind / name.suffix``."""
    root: Path
    folder: str     # 'training' or 'testing'
    name: str       # '000123'

    def file(self, kind: str) -> Path:
        """Path of the frame's file of one kind: velodyne, calib, image_2, label_2, planes.

        Raises:
            DataError: if there are two pictures, a PNG and a JPEG for instance.
        """
        folder = self.root / self.folder / kind
        if kind == 'image_2':
            return self._image(folder)
        return folder / f'{self.name}{".bin" if kind == "velodyne" else ".txt"}'

    @property
    def sample_idx(self) -> int | str:
        """Number of the frame where it is written in KITTI's six digits, else its name.

        So no two frames share one: ``1``, ``01`` and ``000001`` are three.
        """
        number = int(self.name) if self.name.isascii() and self.name.isdigit() else -1
        return number if self.name == f'{number:06d}' else self.name

    @property
    def labeled(self) -> bool:
        """Whether the official layout has labels for this frame."""
        return self.folder == 'training'

    def _image(self, folder: Path) -> Path:
        found = [path for path in (folder / f'{self.name}{suffix}' for suffix in IMAGE_SUFFIXES)
                 if path.is_file()]
        if len(found) > 1 and not found[0].samefile(found[1]):
            raise DataError(f'{found[0]} and {found[1].name} are two pictures of one frame; keep '
                            f'the one that belongs to calib/{self.name}.txt')
        return found[0] if found else folder / f'{self.name}.png'

    def sources(self) -> list[Path]:
        """Every file that an info entry is made of, whether present or not."""
        kinds = ['velodyne', 'calib', 'image_2', *(['label_2', 'planes'] if self.labeled else [])]
        return [self.file(kind) for kind in kinds]


def find_splits(root: Path, all_frames: bool = False,
                notes: list[str] | None = None) -> dict[str, list[str]]:
    """Names of the frames of every split that the data set has.

    Args:
        root: folder with ``training/`` and ``ImageSets/``.
        all_frames: take every labeled frame of ``training/`` as train, val and trainval
            instead of reading ``ImageSets/``.
        notes: what was left out is added to them.

    Raises:
        DataError: if there is no KITTI data set at ``root`` or no split.
    """
    if not (root / 'training' / 'velodyne').is_dir():
        raise DataError(f'{root} is not a KITTI data set: it has no training/velodyne folder; '
                        f'see data/README.md for the layout')
    if all_frames:
        names = _labeled_frames(root / 'training', [] if notes is None else notes)
        return dict(train=names, val=names, trainval=names)
    files = {split: root / 'ImageSets' / f'{split}.txt' for split in SPLITS}
    splits = {split: read_split(path) for split, path in files.items() if path.is_file()}
    if not splits:
        raise DataError(f'{root} has no ImageSets/train.txt, val.txt, trainval.txt or test.txt; '
                        f'add them or use --all-frames to take every frame for training '
                        f'and validation')
    shared = set(splits.get('train', ())) & set(splits.get('val', ()))
    if shared and notes is not None:
        notes.append(f'{len(shared)} of {len(splits["val"])} frames of val are in train too '
                     f'({min(shared)}{", ..." if len(shared) > 1 else ""}): scores on them say '
                     f'nothing of other frames')
    if 'trainval' not in splits and {'train', 'val'} <= splits.keys():
        splits['trainval'] = list(dict.fromkeys(splits['train'] + splits['val']))
    return splits


def _labeled_frames(folder: Path, notes: list[str]) -> list[str]:
    clouds, labels = (_names(folder / kind, ending)
                      for kind, ending in (('velodyne', '.bin'), ('label_2', '.txt')))
    if not clouds & labels:
        raise DataError(f'{folder} has no labeled frame: none of the {len(clouds)} clouds in '
                        f'velodyne/ and {len(labels)} label files in label_2/ share a name')
    for names, what in ((clouds - labels, 'clouds in velodyne/ have no file in label_2/'),
                        (labels - clouds, 'files in label_2/ have no cloud in velodyne/')):
        if names:
            notes.append(f'left out: {len(names)} {what} ({min(names)}'
                         f'{", ..." if len(names) > 1 else ""})')
    return sorted(clouds & labels)


def _names(folder: Path, ending: str) -> set[str]:
    return {path.stem for path in folder.glob(f'*{ending}') if not path.name.startswith('.')}


def read_image_size(path: Path) -> tuple[int, int]:
    """Height and width of a PNG or JPEG from its header, making sure that its end is there.

    Raises:
        DataError: if the file is missing, no image, or truncated.
    """
    try:
        with open(path, 'rb') as stream:
            begin = stream.read(8)
            stream.seek(-min(_TAIL, stream.seek(0, 2)), 2)
            end = stream.read()
        with Image.open(path) as image:
            width, height = image.size
    except FileNotFoundError as error:
        raise DataError(f'{path} does not exist') from error
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DataError(f'{path} is not a readable image: {error}') from error
    if begin.startswith(_JPEG_BEGIN) and _JPEG_END not in end:
        raise DataError(f'{path} is truncated: a JPEG ends with an end marker')
    if begin == _PNG_BEGIN and not end.endswith(_PNG_END):
        raise DataError(f'{path} is truncated: a PNG ends with an IEND chunk')
    return height, width
