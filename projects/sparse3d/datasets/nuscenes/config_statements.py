"""What a nuScenes dataset states in a config: frames of images."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states


@states('NuScenesDetectionDataset')
def dataset(config: Mapping[str, Any]) -> Reading:
    """Frames of images, if there are images."""
    if not (config.get('modality') or {}).get('use_camera'):
        return
    frames = config.get('frames') or {}
    yield 'data.frames', frames.get('num_frames', 1), 'frames.num_frames'
    yield 'data.frame_kind', frames.get('kind', 'past'), 'frames.kind'
