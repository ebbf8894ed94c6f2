"""One thread for the matrix products of numpy and scipy."""
from __future__ import annotations

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> None:
    """Let numpy's and scipy's OpenBLAS work with one thread, here and in processes forked later.

    Their matrices are small here, 4 x 4 mostly, but after each product the other threads of
    OpenBLAS stay busy waiting for more: a data worker took twice the processor time that it
    needed, from the training beside it. PyTorch's products are not concerned.
    """
    for library in ThreadpoolController().lib_controllers:
        if library.internal_api == 'openblas' and (
                'numpy' in library.filepath or 'scipy' in library.filepath):
            library.set_num_threads(1)
