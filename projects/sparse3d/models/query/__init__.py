"""What heads with queries share: matching, denoising, box codes, positions, attention."""
