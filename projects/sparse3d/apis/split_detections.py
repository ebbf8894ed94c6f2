"""Detections of a split, from a result file or from a model, with the entries of its info file."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.apis.detector import detections_of
from sparse3d.apis.predicted_frames import predict_frames
from sparse3d.engine.checkpoint_config import open_with_config
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import Results
from sparse3d.structures.track_files import TrackFrame
from sparse3d.transforms.info_files import check_info, read_plain_file

OfFrame = Callable[[TrackFrame], Detections]


class SplitDetections:
    """Detections by frame.

    Attributes:
        data_set: name of the data set.
        entries: of the info file, those that there are detections of.
        source: the info file, for sentences.
        left_out: detections by class that were not wanted; known after :meth:`close`.
        others: samples of the result file that the info file does not have; known then, too.
    """

    def __init__(self, data_set: str, entries: Sequence[Mapping[str, Any]], source: str,
                 class_names: Sequence[str]) -> None:
        self.data_set, self.entries, self.source = data_set, entries, source
        self.left_out: dict[str, int] = {}
        self.others = 0
        self._class_names = tuple(class_names)

    def open(self, class_names: Sequence[str]) -> OfFrame:
        """What gives the detections of a frame, of these classes; of all of the data set's
        without any."""
        raise NotImplementedError

    def close(self) -> None:
        """After the last frame: say what was left out.

        Raises:
            DataError: if there were detections, and none of them of a class that was wanted.
        """


class _OfFile(SplitDetections):
    def __init__(self, path: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._path = path
        self._results: Results | None = None

    def open(self, class_names: Sequence[str]) -> OfFrame:
        results = self._results = Results(self._path, class_names or self._class_names,
                                          self.data_set)
        return lambda frame: results.of_sample(frame.info, frame.name)

    def close(self) -> None:
        if self._results is not None:
            self._results.refuse_if_none_is_left()
            self.left_out, self.others = dict(self._results.left_out), self._results.unread


class _OfModel(SplitDetections):
    def __init__(self, found: Mapping[int, Detections], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._found = found

    def open(self, class_names: Sequence[str]) -> OfFrame:
        wanted = tuple(class_names or self._class_names)

        def of_frame(frame: TrackFrame) -> Detections:
            found = _usable(self._found[frame.info['_place']])
            kept = [row for row, name in enumerate(found.names) if name in wanted]
            for name in found.names:
                if name not in wanted:
                    self.left_out[name] = self.left_out.get(name, 0) + 1
            return found[kept]
        return of_frame


def _usable(found: Detections) -> Detections:
    """Without boxes that no result file would hold: not finite, or of no size."""
    boxes = found.boxes_3d
    usable = np.isfinite(boxes[:, :7]).all(axis=1) & ~np.isinf(boxes).any(axis=1)
    return found[usable & (boxes[:, 3:6] > 0).all(axis=1) & np.isfinite(found.scores)]


def of_file(results: str | PathLike, infos: str | PathLike | None) -> SplitDetections:
    """Stored detections with the info file of their split.

    Raises:
        ConfigError: without an info file.
        DataError: if one of the files is missing, damaged or another one.
    """
    if infos is None:
        raise ConfigError(f'{results} has no times, scenes and poses: give the info file of its '
                          f'split with --infos, or a checkpoint behind a config')
    content, name = _info_file(infos)
    if not Path(results).exists():
        raise DataError(f'{results} does not exist')
    return _OfFile(Path(results), name, content['data_list'], str(infos),
                   _named_classes(content['metainfo']))


def of_checkpoint(config: str | PathLike, infos: str | PathLike | None,
                  checkpoint: str | PathLike, split: str, score_threshold: float,
                  cfg_options: Mapping[str, Any] | None, device: str | None,
                  ready: Callable[[str, Sequence[Mapping[str, Any]]], Any] = lambda *_: None
                  ) -> SplitDetections:
    """What a model finds in the frames of a split of its config.

    Args:
        ready: called with the name of the data set and the entries of its info file before the
            first frame is looked at; may refuse what could not be done with them.

    Raises:
        ConfigError: if an info file is given beside, or the data set has none.
        CheckpointError, DataError: as :func:`sparse3d.apis.predicted_frames.predict_frames`.
    """
    if infos is not None:
        raise ConfigError('--infos goes with stored detections; with a checkpoint the info file is '
                          'the one of the config (--cfg-options test_dataloader.dataset.ann_file=)')
    read, opened = open_with_config(config, checkpoint, cfg_options)
    dataset, predicted = predict_frames(read, opened, None, score_threshold, split, device,
                                        title='detection')
    if not hasattr(dataset, 'choose_frames') or not getattr(dataset, 'ann_file', None):
        raise ConfigError(f'{type(dataset).__name__} has no info file whose drives could be '
                          f'followed')
    content, name = _info_file(dataset.ann_file)
    chosen = dataset.choose_frames(content['data_list'])
    ready(name, chosen)
    names = tuple(dataset.metainfo['classes'])
    entries, found = [], {}
    for each in predicted:
        info = dataset.get_data_info(each.index)
        entries.append(dict(chosen[info['row']], _place=each.index))
        assert each.prediction is not None  # there is a checkpoint
        found[each.index] = detections_of(each.prediction.pred_instances_3d, names).filter(
            score_threshold)
    return _OfModel(found, name, entries, str(dataset.ann_file), names)


def _info_file(path: str | PathLike) -> tuple[Mapping[str, Any], str]:
    content = read_plain_file(path)
    named = content.get('metainfo') if isinstance(content, Mapping) else None
    name = str(named.get('dataset') if isinstance(named, Mapping) else None)
    check_info(content, name, str(path))
    return content, name


def _named_classes(metainfo: Mapping[str, Any]) -> list[str]:
    return [name for name, label in (metainfo.get('categories') or {}).items() if label >= 0]
