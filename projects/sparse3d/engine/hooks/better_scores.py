"""Which scores grow and which shrink when a model gets better, and which one stands for all."""
from __future__ import annotations

import re
from collections.abc import Iterable

GREATER = {'nds', 'map', 'maph', 'ap', 'aph', 'recall', 'precision', 'accuracy', 'pck', 'oks',
           'r40', 'r11'}
LESS = {'mate', 'mase', 'maoe', 'mave', 'maae', 'ate', 'ase', 'aoe', 'ave', 'aae', 'mpjpe', 'pem',
        'error', 'distance', 'loss'}

# The score that a benchmark ranks by, the first that is there: nuScenes; Waymo, all classes, else
# one; KITTI, all classes, else one; people's joints; boxes of custom data.
MAIN = (r'NDS$', r'Overall_L2_APH$', r'_L2_APH$', r'Overall_3D_R40_moderate$',
        r'_3D_R40_moderate$', r'PEM/ALL$', r'mAP_3D_0\.5$', r'mAP_3D_', r'(^|/)mAP$')


def better(score: str) -> str | None:
    """``'greater'`` or ``'less'``: which value of a score is the better one; None if unknown."""
    words = set(re.split(r'[^a-z0-9]+', score.lower()))
    return 'less' if words & LESS else 'greater' if words & GREATER else None


def main_score(scores: Iterable[str], any_will_do: bool = False) -> str | None:
    """The score that stands for a validation, of the names that it gave.

    Args:
        scores: names such as ``nuscenes/NDS``.
        any_will_do: whether the first one is taken where none is known; else one of which
            :func:`better` knows the sense.
    """
    names = list(scores)
    for pattern in MAIN:
        for name in names:
            if re.search(pattern, name):
                return name
    known = names if any_will_do else [name for name in names if better(name)]
    return known[0] if known else None
