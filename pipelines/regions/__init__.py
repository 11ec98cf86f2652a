"""Regions: segmentations become masks, and the sources are joined on the image."""
