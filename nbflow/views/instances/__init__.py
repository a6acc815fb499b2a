"""All instances as a table: what each is waiting for and for whom, counts, order, and families.

`wants` tells what a run waits for, `rows` makes a line of a run, `choice` filters, sorts and puts children
under their parents; `text` and `html` are the two static pictures.
"""

from nbflow.views.instances.rows import InstanceRow, Listing, instance_row
from nbflow.views.instances.wants import Want, WantFold, WantKind

__all__ = ["InstanceRow", "Listing", "Want", "WantFold", "WantKind", "instance_row"]
