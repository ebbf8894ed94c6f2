"""What SparseBEV's parts state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states


@states('SparseBEV')
def detector(config: Mapping[str, Any]) -> Reading:
    """How the frames lie in time."""
    yield 'model.frame_kind', config['frame_kind'], 'frame_kind'


@states('SparseBEVHead')
def head(config: Mapping[str, Any]) -> Reading:
    """Frames, classes, and where the queries are."""
    yield 'model.frames', config['decoder']['num_frames'], 'decoder.num_frames'
    yield 'model.num_classes', config.get('num_classes'), 'num_classes'
    yield 'model.range', config.get('point_cloud_range'), 'point_cloud_range'


@states('VideoPreprocessor')
def preprocessor(config: Mapping[str, Any]) -> Reading:
    """Frames, where training and testing have as many."""
    if config.get('num_train_frames') in (None, config['num_frames']):
        yield 'model.frames', config['num_frames'], 'num_frames'
