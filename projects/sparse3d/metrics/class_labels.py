"""Labels of detections against the names of classes that a metric gives them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sparse3d.errors import ConfigError


def refuse_unknown_labels(labels: Iterable[np.ndarray], classes: Sequence[str]) -> None:
    """Refuse detections of classes that have no name.

    Args:
        labels: of each frame.
        classes: names in label order.

    Raises:
        ConfigError: naming the label and the classes.
    """
    seen = [int(label) for of_frame in labels if len(of_frame)
            for label in (of_frame.min(), of_frame.max())]
    wrong = [label for label in seen if not 0 <= label < len(classes)]
    if wrong:
        raise ConfigError(
            f'the model found the label {wrong[0]}, but the data set names {len(classes)} classes '
            f'from 0 on ({", ".join(classes)}): give metainfo.classes of the data and the head of '
            f'the model one list')
