"""What nuScenes' annotators would write about the actors of a key frame.

An actor is annotated if it is nearer than ``REACH`` and a LiDAR point or a camera meets
it. Visibility is the largest share of its silhouette that one camera sees.
"""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sparse3d.datasets.kitti.simulate.labels import lidar_box, lidar_from_world
from sparse3d.simulate.camera import Camera, Picture
from sparse3d.simulate.lidar import Sweep
from sparse3d.simulate.scene import ActorState, Snapshot
from sparse3d.simulate.tracks import Still
from sparse3d.simulate.visibility import look_at
from sparse3d.structures.box_geometry import points_in_box

REACH = 80.0  # [m]
VISIBILITY_STEPS = (.4, .6, .8)  # shares where the levels '2', '3' and '4' begin
CATEGORIES = {'Car': 'vehicle.car', 'Van': 'vehicle.car', 'Truck': 'vehicle.truck',
              'Pedestrian': 'human.pedestrian.adult', 'Cyclist': 'vehicle.bicycle'}
Shares = dict[int, float]  # actor -> largest share of its silhouette that a camera sees


def visible_shares(snapshot: Snapshot, camera: Camera, picture: Picture) -> Shares:
    """Share of the silhouette of each actor in a picture that nothing hides, 0..1."""
    present = set(np.unique(picture.instances).tolist())
    views = {state.actor.identity: look_at(snapshot, camera, picture, state)
             for state in snapshot.actors if state.actor.identity in present}
    return {identity: view.visible_share for identity, view in views.items()
            if view is not None and view.visible_rays}


def annotate(snapshot: Snapshot, sweep: Sweep, ego_from_lidar: np.ndarray,
             shares: Mapping[int, float]) -> list[dict]:
    """Plain records of the actors of a key frame, boxes in the world of the scene."""
    transform = lidar_from_world(snapshot, ego_from_lidar)
    records = []
    for state in snapshot.actors:
        box = lidar_box(state, transform)
        identity = state.actor.identity
        count = len(points_in_box(sweep.points, box))
        if np.hypot(box[0], box[1]) < REACH and (count or identity in shares):
            records.append(dict(
                actor=identity, category=CATEGORIES[state.actor.shape.kind],
                box=[float(value) for value in state.box[:7]], num_lidar_pts=count,
                visibility=visibility_level(shares.get(identity, 0.0)),
                attribute=attribute(state)))
    return records


def visibility_level(share: float) -> str:
    """Token of nuScenes' visibility table, '1' (0-40 %) to '4' (80-100 %)."""
    return str(1 + sum(share >= step for step in VISIBILITY_STEPS))


def attribute(state: ActorState) -> str:
    """nuScenes' attribute of an actor: what it does."""
    kind, speed = state.actor.shape.kind, np.hypot(*state.place.velocity)
    if kind == 'Pedestrian':
        return 'pedestrian.moving' if speed > .1 else 'pedestrian.standing'
    if kind == 'Cyclist':
        return 'cycle.with_rider'
    if isinstance(state.actor.track, Still):
        return 'vehicle.parked'
    return 'vehicle.moving' if speed > .2 else 'vehicle.stopped'
