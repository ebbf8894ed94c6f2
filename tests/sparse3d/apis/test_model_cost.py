"""Voxels counted where a user would count them: at the end of each resolution."""
from __future__ import annotations

import torch
from spconv.pytorch import SparseConv3d, SparseConvTensor, SparseSequential, SubMConv3d
from torch import nn

from sparse3d.apis.model_cost import voxels_by_resolution


class Doubled(nn.Module):
    """A layer that returns a pair, and its voxels twice: growth without a new resolution."""

    def forward(self, voxels: SparseConvTensor) -> tuple[SparseConvTensor, None]:
        moved = voxels.indices + torch.tensor([0, 1, 0, 0])
        return SparseConvTensor(
            torch.cat([voxels.features] * 2), torch.cat([voxels.indices, moved]).int(),
            voxels.spatial_shape, voxels.batch_size), None


class Detector(nn.Module):
    """An encoder of two resolutions that grows at the end of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.middle_encoder = nn.ModuleList([
            SparseSequential(SubMConv3d(1, 2, 3)), Doubled(),
            SparseConv3d(2, 2, kernel_size=2, stride=2)])

    def test_step(self, batch: dict) -> list:
        coordinates = batch['coordinates'][0].int()
        voxels = SparseConvTensor(torch.ones(len(coordinates), 1), coordinates, [8, 8, 8], 1)
        stem, grow, down = self.middle_encoder
        down(grow(stem(voxels))[0])
        return []


def test_the_last_layer_of_each_resolution_is_counted():
    detector = Detector().eval()
    apart = torch.tensor([[0, 0, 0, 0], [0, 4, 4, 4], [0, 0, 6, 6]])
    assert voxels_by_resolution(detector, {'coordinates': apart}) == {(8, 8, 8): 6, (4, 4, 4): 3}


def test_a_detector_without_sparse_layers_has_no_voxels_to_count():
    detector = nn.Module()
    detector.test_step = lambda batch: []
    assert voxels_by_resolution(detector, {'coordinates': torch.zeros(0, 4)}) == {}


def test_what_image_backbones_look_at():
    from sparse3d.apis.model_cost import parts_of_images
    from sparse3d.models.backbones import ObjectSeeking, SparseSwin
    swin = SparseSwin([[.5, .5], [0, 0]], embed_dims=8, depths=(2, 2), num_heads=(1, 2),
                      strides=(4, 2), out_indices=(1,))
    seeking = ObjectSeeking(dict(type='mmdet.ResNet', depth=18, base_channels=8)).eval()
    both = nn.ModuleList([swin, seeking])
    with torch.no_grad():
        torch.nn.init.constant_(seeking.seeker[3].bias, -9.)
        with parts_of_images(both) as shares:
            for part in both:
                part(torch.ones(1, 3, 128, 128))
        assert shares['cost/share_of_patches'] == 0 and .6 < shares['cost/share_of_macs'] < .9
        with parts_of_images(nn.Identity()) as shares:
            pass
    assert shares == {}
