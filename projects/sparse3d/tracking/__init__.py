"""Boxes of frames to tracks: three trackers behind one protocol.

A tracker is online: what it says of a frame depends on that frame and those before it. It works in
the frame of the world, where what stands still stays where it is while the vehicle moves.
"""
from sparse3d.tracking.depth_cascade import DepthCascadeTracker
from sparse3d.tracking.greedy import GreedyTracker
from sparse3d.tracking.tracker import Tracker
from sparse3d.tracking.two_stage import TwoStageTracker

TRACKERS = {'greedy': GreedyTracker, 'two_stage': TwoStageTracker,
            'depth_cascade': DepthCascadeTracker}

__all__ = ['TRACKERS', 'DepthCascadeTracker', 'GreedyTracker', 'Tracker', 'TwoStageTracker']
