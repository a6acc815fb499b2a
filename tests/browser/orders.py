"""Cells of a notebook with a real workflow, for the tests in JupyterLab."""

from __future__ import annotations

from typing import Final

LOAD: Final = """%load_ext nbflow
from dataclasses import dataclass

@dataclass
class Decision:
    approved: bool
    note: str = ""
"""
CHECK: Final = """%%activity check(sku: str) -> bool
print("asking the warehouse for", sku)
return True
"""
CHARGE: Final = """%%activity charge(cents: int) -> str
return f"R-{cents}"
"""
FULFIL: Final = """%%workflow fulfil(sku: str, cents: int) -> str
in_stock = await check(sku)
decision = await ctx.wait_for_external_event("approval", data_type=Decision, timeout=86400)
if not decision.approved:
    return "rejected"
receipt = await charge(cents)
return f"sent with {receipt}"
"""
DEFINITIONS: Final = (LOAD, CHECK, CHARGE, FULFIL)


def run(instance_id: str = "order-42") -> str:
    """The cell that starts an order."""
    return f"run = %wf run fulfil('tea', 1200) --id {instance_id}"
