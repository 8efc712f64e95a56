"""Seeds of grains, blobs looked up and assigned, grains fitted to their spots."""
