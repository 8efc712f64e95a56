"""Seeds of grains, blobs looked up, assigned, and grains fitted to them."""
