"""Work over frames and scenes: pools of processes, progress, parts."""
