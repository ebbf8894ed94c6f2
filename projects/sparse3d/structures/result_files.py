"""Result files of other tools: a whole split in a benchmark's own format.

Data sets register theirs when they are imported, which ``sparse3d.register`` does.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.plausible_detections import refuse_implausible

# (description of a sample, class names) -> its detections in the LiDAR frame with any class names,
# or None where the file has no entry for the sample.
OfSample = Callable[[Mapping[str, Any]], Detections | None]


@dataclass(frozen=True)
class ResultFormat:
    """Results of one benchmark.

    Attributes:
        description: what such a file is, in words.
        matches: whether a path looks like one.
        open: reads it; gives the detections of each sample. What it gives may have an attribute
            ``unread``, the names of the samples that nobody has asked for.
    """

    description: str
    matches: Callable[[Path], bool]
    open: Callable[[Path], OfSample]


_FORMATS: dict[str, ResultFormat] = {}


def register_results(name: str, made: ResultFormat) -> None:
    """Make a format known.

    Raises:
        ConfigError: if the name is taken.
    """
    if _FORMATS.setdefault(name, made) is not made:
        raise ConfigError(f'two formats of result files are called {name!r}')


class Results:
    """The detections of a result file, sample by sample, in the classes of a data set.

    Args:
        path: a file or folder of a registered format.
        class_names: of the data set; other classes are left out and counted in ``left_out``.
        dataset: its name, whose own format is taken where the path looks like one of several.

    Raises:
        DataError: if the path does not exist, is of no registered format, or could be of several.
    """

    def __init__(self, path: Path, class_names: Sequence[str], dataset: str = '') -> None:
        self.path, self.class_names = Path(path), tuple(class_names)
        self.left_out: dict[str, int] = {}
        self.kept = 0
        if not self.path.exists():
            raise DataError(f'{path} does not exist')
        self._dataset = dataset
        self._format = _format_of(self.path, dataset)
        self._of_sample = self._format.open(self.path)

    def of_samples(self, samples: Iterable[tuple[Mapping[str, Any], str]]) -> list[Detections]:
        """The detections of samples, all of them read before anything is made of one.

        Args:
            samples: description, as the data set gives it before the pipeline, and name.

        Raises:
            DataError: if the file has no entry for some of them, the data set is another, or no
                detection is of one of its classes.
        """
        found, missing = [], []
        for info, name in samples:
            detections = self._read(info)
            found.append(detections)
            missing += [name] if detections is None else []
        if missing:
            first = ', '.join(missing[:3]) + (', ...' if len(missing) > 3 else '')
            frames = f'frame {first}' if len(found) == 1 else \
                f'{len(missing)} of the {len(found)} frames that are read ({first})'
            raise DataError(f'{self.path} has no entry for {frames}; give the results of the '
                            f'split that is read here (--split)')
        kept = [self._of_classes(detections) for detections in found if detections is not None]
        self.refuse_if_none_is_left()
        return kept

    def of_sample(self, info: Mapping[str, Any], name: str) -> Detections:
        """The detections of one sample.

        Args:
            info: its description, as the data set gives it before the pipeline.
            name: of the sample, for messages.

        Raises:
            DataError: if the file has no entry for it, or the data set is another.
        """
        found = self._read(info)
        if found is None:
            raise DataError(f'{self.path} has no entry for frame {name}; give the results of the '
                            f'split that is read here (--split)')
        return self._of_classes(found)

    def _read(self, info: Mapping[str, Any]) -> Detections | None:
        try:
            found = self._of_sample(info)
        except KeyError as error:
            own = f' ({self._dataset})' if self._dataset else ''
            raise DataError(f'{self.path} does not belong to this data set{own}: it is read as '
                            f'{self._format.description}, and the samples have no {error}; give '
                            f'results and config of one data set') from error
        if found is not None:
            refuse_implausible(found, str(self.path))
        return found

    def _of_classes(self, found: Detections) -> Detections:
        for other in found.names:
            if other not in self.class_names:
                self.left_out[other] = self.left_out.get(other, 0) + 1
        kept = of_classes(found, self.class_names)
        self.kept += len(kept)
        return kept

    @property
    def unread(self) -> int:
        """Samples of the file that were not asked for; 0 where the format cannot say."""
        return len(getattr(self._of_sample, 'unread', ()))

    def quietly(self, info: Mapping[str, Any]) -> Detections | None:
        """The detections of one more sample of all classes; nothing is counted."""
        return self._of_sample(info)

    def refuse_if_none_is_left(self) -> None:
        """After the last sample: what is drawn or counted without any detection means nothing.

        Raises:
            DataError: if there were detections, all of classes that the data set lacks.
        """
        if self.left_out and not self.kept:
            raise DataError(f'none of the {sum(self.left_out.values())} detections in {self.path} '
                            f'is of a class of the data set: they are {", ".join(self.left_out)}, '
                            f'its classes {", ".join(self.class_names)}; give the config with '
                            f'their classes, or rename them')


def of_classes(found: Detections, class_names: Sequence[str]) -> Detections:
    """Those of some classes, with labels among these."""
    kept = found[[row for row, other in enumerate(found.names) if other in class_names]]
    return replace(Detections.from_lists(
        kept.boxes_3d, kept.scores, kept.names, class_names, kept.keypoints_3d,
        kept.keypoint_visibility), track_ids=kept.track_ids)


def _format_of(path: Path, dataset: str) -> ResultFormat:
    try:
        fitting = {name: made for name, made in _FORMATS.items() if made.matches(path)}
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}') from error
    if not fitting:
        known = ', '.join(made.description for made in _FORMATS.values())
        raise DataError(f'{path} is no result file that is read here; there are {known}')
    if len(fitting) > 1 and dataset not in fitting:
        raise DataError(f'{path} could be {" or ".join(m.description for m in fitting.values())}; '
                        f'give the config of a data set {" or ".join(fitting)}')
    return fitting.get(dataset) or next(iter(fitting.values()))
