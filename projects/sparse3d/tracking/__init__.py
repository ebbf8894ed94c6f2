"""Boxes of frames to tracks: four trackers behind one protocol.

A tracker is online: what it says of a frame depends on that frame and those before it. It works in
the frame of the world, where what stands still stays where it is while the vehicle moves.
"""
from sparse3d.tracking.choose import TRACKERS, make_tracker
from sparse3d.tracking.depth_cascade import DepthCascadeOptions, DepthCascadeTracker
from sparse3d.tracking.greedy import GreedyOptions, GreedyTracker
from sparse3d.tracking.query_identity import QueryIdentityOptions, QueryIdentityTracker
from sparse3d.tracking.tracker import Tracker
from sparse3d.tracking.two_stage import TwoStageOptions, TwoStageTracker

__all__ = ['TRACKERS', 'DepthCascadeOptions', 'DepthCascadeTracker', 'GreedyOptions',
           'GreedyTracker', 'QueryIdentityOptions', 'QueryIdentityTracker', 'Tracker',
           'TwoStageOptions', 'TwoStageTracker', 'make_tracker']
