"""Parts of ``tools/install.py``; standard library only, for nothing is installed yet."""
