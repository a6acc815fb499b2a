"""Two runs side by side: what they have in common, and where and how they part."""

from nbflow.views.comparison.align import compare
from nbflow.views.comparison.rows import Comparison, Deed, Row, Side
from nbflow.views.comparison.text import text_comparison

__all__ = ["Comparison", "Deed", "Row", "Side", "compare", "text_comparison"]
