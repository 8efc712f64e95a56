"""Results in the formats of other programs."""

from friedel.io.export.tables import export_table

__all__ = ["export_table"]
