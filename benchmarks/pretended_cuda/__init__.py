"""A pretended GPU: tensors that say ``cuda:0`` and are computed, really, on the CPU.

Inside ``with pretended_cuda() as gpu:`` the machine has one NVIDIA GPU. What ``.to('cuda')`` or
``device='cuda'`` makes wraps a CPU tensor; PyTorch takes it for a CUDA tensor (``is_cuda``, CUDA's
autocast, autograd with a device thread).

What it catches
    * tensors of two devices in one operator, generators and indices of the wrong device, CPU
      operators given CUDA tensors, ``numpy()`` of a CUDA tensor: :class:`DeviceFault`;
    * every wait of the host for the device that Python causes (``item``, masks, ``nonzero``,
      ``unique``, copies), with the line of the project: ``gpu.waits``;
    * types under ``torch.autocast('cuda')`` that do not fit, products of whole numbers, half types
      where CUDA has none, what the kernels of spconv and mmcv refuse;
    * code that counts on the order of spconv's voxels: strided layers come out shuffled;
    * results: they are real, so that a step can be compared with the same step on the CPU.

What it cannot catch
    * whether a CUDA kernel is right, fast or deterministic; atomics, TF32, memory, streams, NCCL,
      CUDA graphs, Triton, torch.compile;
    * how half types round: they round as on the CPU;
    * waits inside kernels, but for those that are known (a strided layer of spconv, NMS and
      voxelization of mmcv): they are counted as ``kernel``;
    * a copy from pinned memory, which does not wait: every copy is counted;
    * the exact number at a near-tie: losses of untrained models move by 1e-3 with noise of 1e-7.

Limits: a CPU build of PyTorch, a C++ compiler at the first use, one device;
:func:`sparse3d_benchmarks.pretended_cuda.library.prepare` is called before torch is imported;
private interfaces of PyTorch (seen with 2.13). Importing this package imports no torch.
"""
