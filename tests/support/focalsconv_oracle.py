"""The focal layer in plain Python: dictionaries of voxels, one step of the method after another."""
from __future__ import annotations

import math
from itertools import product

Voxel = tuple[int, int, int, int]  # sample, z, y, x


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def steps_of(kernel_size: int) -> list[tuple[int, int, int]]:
    reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
    return [step for step in product(reach, repeat=3) if step != (0, 0, 0)]


def submanifold(features: dict[Voxel, list[float]], weight) -> dict[Voxel, list[float]]:
    """Dense-looking convolution over the voxels that exist; weight[out][kz][ky][kx][in]."""
    kernel = len(weight[0])
    half = kernel // 2
    result = {}
    for voxel in features:
        sums = [0.0] * len(weight)
        for kz, ky, kx in product(range(kernel), repeat=3):
            other = (voxel[0], voxel[1] + kz - half, voxel[2] + ky - half, voxel[3] + kx - half)
            if other in features:
                for out, plane in enumerate(weight):
                    sums[out] += sum(w * f for w, f in zip(plane[kz][ky][kx], features[other],
                                                           strict=True))
        result[voxel] = sums
    return result


def foreground_of(importance: dict[Voxel, float], top_k: bool, threshold: float) -> set[Voxel]:
    if not top_k:
        return {voxel for voxel, p in importance.items() if p > threshold}
    chosen = set()
    for sample in {voxel[0] for voxel in importance}:
        ranked = sorted((voxel for voxel in importance if voxel[0] == sample),
                        key=lambda voxel: (-importance[voxel], voxel))
        chosen |= set(ranked[:math.floor(len(ranked) * threshold)])
    return chosen


def dilate(features: dict[Voxel, list[float]], logits: dict[Voxel, list[float]], shape,
           kernel_size: int = 3, top_k: bool = True, threshold: float = 0.5,
           mask_multi: bool = False, skip_mask_kernel: bool = False,
           lowest_index: int = 0) -> dict[Voxel, list[float]]:
    """The voxels that the layer's convolution gets to see."""
    own = {voxel: sigmoid(values[-1]) for voxel, values in logits.items()}
    result = {voxel: [f * own[voxel] if mask_multi else f for f in values]
              for voxel, values in features.items()}
    chosen = foreground_of(own, top_k, threshold)
    pointing = {voxel: [1.0] for voxel in chosen}
    for voxel in chosen:
        for step, logit in zip(steps_of(kernel_size), logits[voxel][:-1], strict=True):
            cell = tuple(c + d for c, d in zip(voxel[1:], step, strict=True))
            inside = all(lowest_index <= c < size for c, size in zip(cell, shape, strict=True))
            if inside and sigmoid(logit) >= threshold:
                pointing.setdefault((voxel[0], *cell), []).append(sigmoid(logit))
    width = len(next(iter(features.values()), []))
    for voxel, values in pointing.items():
        mean = sum(values) / len(values)
        if voxel not in result:
            result[voxel] = [0.0] * width
        elif voxel in chosen and not skip_mask_kernel:
            result[voxel] = [f * mean for f in result[voxel]]
    return result
