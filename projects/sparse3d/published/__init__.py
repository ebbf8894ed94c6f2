"""Published checkpoints to ours."""
