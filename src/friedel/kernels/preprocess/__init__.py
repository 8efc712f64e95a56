"""Dark, gain, moving median and 2D median, frame by frame or as bit planes."""
