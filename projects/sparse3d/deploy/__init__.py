"""Export of a detector and its verification."""
