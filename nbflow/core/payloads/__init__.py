"""Values to JSON and back, with types, and never silently changed.

A value is written as plain JSON: dataclasses and models as objects, enums by
value, times in ISO 8601. It is rebuilt by annotation (docs/types.md has the
table). What JSON can't carry is an error that names its type, the path to it and
what to do instead.

Read it in this order: `codecs` (what others use) · `shapes` (single values),
`containers`, `records`, `unions`, `plain` (no annotation), `foreign` (pydantic's) ·
`annotations` and `fields` (from an annotation to its shape) · `schemas` (and `pydantics`) · `misfits`, `advice`
(what is said). Reading is msgspec's work wherever it knows the annotation and
means the same by it; the shapes read the rest.
"""

from nbflow.core.payloads.annotations import Unannotated
from nbflow.core.payloads.codecs import MAX_PAYLOAD_BYTES, Codec, codec

__all__ = ["MAX_PAYLOAD_BYTES", "Codec", "Unannotated", "codec"]
