"""A run, or a whole history, written into files: the name's suffix says as what."""

from nbflow.runtime.exports.code import code_for
from nbflow.runtime.exports.targets import Target
from nbflow.runtime.exports.writing import Exported, export, export_run

__all__ = ["Exported", "Target", "code_for", "export", "export_run"]
