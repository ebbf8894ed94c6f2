"""Registers what configs name of squeezed."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import squeezed.detector  # noqa: F401
