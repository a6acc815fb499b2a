"""Code and history that no longer match, explained from both sides.

`report` holds what is said, `exploring` lets the code go on beyond the mismatch, `aligning` lays both
sides next to each other, `causes` and `changes` name what is likely behind it, `explaining` does it all.
"""
