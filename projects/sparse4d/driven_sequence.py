"""A drive detected sample by sample: instances of a sample live on in the next."""
from __future__ import annotations

from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame


def drive(detector: Sparse4D) -> DrivenSequence:
    """Who drives a detector through a sequence.

    A :class:`sparse3d.engine.hooks.SequenceDriver`, as the plug-in names it.
    """
    return DrivenSequence(detector)


class DrivenSequence:
    """Predictions of a detector for the samples of a data set in the order of time.

    Samples of a batch are taken as following each other, one at a time, so that no result depends
    on the size of the batch. What is remembered belongs to this object and goes with it.

    Args:
        detector: in evaluation mode.

    Attributes:
        state: of the sample before, see :meth:`Sparse4D.detect`.
    """

    whole_scenes = True

    def __init__(self, detector: Sparse4D) -> None:
        self.detector = detector
        self.state: Any = None

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs) -> list[Det3DDataSample]:
        """What :meth:`Sparse4D.predict` gives, with the frames before in mind."""
        maps, frame = self.detector.seen(batch_inputs, data_samples)
        found = []
        for sample in range(len(frame)):
            found += self._next([level[sample:sample + 1] for level in maps],
                                frame.of_samples(torch.tensor([sample])))
        return self.detector.add_pred_to_datasample(data_samples, found)

    def _next(self, maps: list[Tensor], frame: Frame) -> list:
        found, self.state = self.detector.detect(maps, frame, self.state)
        return found
