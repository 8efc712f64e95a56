"""Files: scans in many formats in, our own files out. The only room that knows file formats."""

from friedel.io.opening import open_scan
from friedel.io.scan_params import OmegaParams, ScanParams

__all__ = ["OmegaParams", "ScanParams", "open_scan"]
