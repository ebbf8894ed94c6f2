"""Data structures shared by the plug-ins."""
