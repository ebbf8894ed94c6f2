"""Objects that move in a plane and tracks of them with mistakes of every kind, by a seed."""
from __future__ import annotations

import numpy as np

from sparse3d.metrics.identity_frames import IdentityFrames


def random_sequence(seed: int, frames: int = 25, objects: int = 6) -> tuple:
    """Ids of objects, ids of tracks and similarities, with switches, gaps and false boxes."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(0, 12, (objects, 2)), rng.normal(0, .4, (objects, 2))
    names = np.arange(objects)
    gt_ids, pred_ids, similarity = [], [], []
    for frame in range(frames):
        if rng.random() < .15:
            names[:2] = names[1::-1]           # two tracks are swapped
        if rng.random() < .1:
            names[rng.integers(objects)] = rng.integers(100, 200)
        there = rng.random(objects) < .85
        seen = there & (rng.random(objects) < .8)
        positions = start + frame * speed
        false = rng.uniform(0, 12, (rng.integers(0, 3), 2))
        boxes = np.concatenate([positions[seen] + rng.normal(0, .4, (seen.sum(), 2)), false])
        ids = [*names[seen], *(1000 + 10 * frame + np.arange(len(false)))]
        unique = [place for place, one in enumerate(ids) if one not in ids[:place]]
        distance = np.linalg.norm(positions[there][:, None] - boxes[unique][None], axis=2)
        gt_ids.append(np.flatnonzero(there).tolist())
        pred_ids.append([int(ids[place]) for place in unique])
        similarity.append(np.clip(1 - distance / 3, 0, 1))
    return gt_ids, pred_ids, similarity


def for_trackeval(frames: IdentityFrames) -> dict:
    """A sequence as TrackEval's metrics take it."""
    return dict(
        gt_ids=list(frames.gt), tracker_ids=list(frames.pred),
        similarity_scores=list(frames.similarity), num_gt_ids=frames.num_gt,
        num_tracker_ids=frames.num_pred, num_timesteps=len(frames),
        num_gt_dets=sum(map(len, frames.gt)), num_tracker_dets=sum(map(len, frames.pred)))
