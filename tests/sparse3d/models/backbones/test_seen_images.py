"""What goes with the images to a backbone."""
from __future__ import annotations

import torch
from torch import nn

from sparse3d.models.backbones.seen_images import SeenImages, feature_settings, image_maps


def test_the_first_images_of_every_sample():
    objects = torch.tensor([[0, 1, 1, 2, 2], [3, 1, 1, 2, 2], [4, 1, 1, 2, 2], [6, 3, 3, 4, 4.]])
    part = SeenImages(2, objects).of_first(2, of=4)
    assert part.cameras == 2 and part.objects.tolist() == [[0, 1, 1, 2, 2], [2, 1, 1, 2, 2]]
    assert SeenImages(2).of_first(2, of=4).objects is None


def test_only_backbones_that_read_it_get_it():
    given = []
    plain = nn.Identity()
    reads = nn.Module()
    reads.reads_seen_images = True
    reads.forward = lambda images, seen: given.append(seen) or images
    images, seen = torch.zeros(2), SeenImages(2)
    assert image_maps(plain, images, seen) is images and given == []
    assert image_maps(reads, images, seen) is images and given == [seen]
    assert feature_settings(plain) is None
