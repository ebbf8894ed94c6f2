"""Parts of ``tools/install.py`` and ``tools/doctor.py``; standard library only.

They run before anything is installed, hence outside the ``sparse3d`` package.
"""
