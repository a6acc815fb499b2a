"""Notebooks from files and to files, and as pages that need nothing from elsewhere.

The only module that sees nbformat and nbconvert; neither comes with nbflow itself.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nbflow.cli.complaints import CommandError

# The usual page asks other servers for scripts (formulas, diagrams, live widgets); this one has none of these.
_TEMPLATE: Final = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def need_converters() -> None:
    """Raise CommandError if what writes the pages is not installed."""
    for name in ("nbformat", "nbconvert"):
        try:
            import_module(name)
        except ImportError:
            raise CommandError(f"{name} is not installed: pip install 'nbflow[demo]'") from None


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook as nbformat 4 has it; raises CommandError if it is none, or can't be read."""
    nbformat: Any = import_module("nbformat")
    try:
        node = nbformat.read(path, as_version=4)
        nbformat.validate(node)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, AttributeError, nbformat.ValidationError):
        raise CommandError(f"{path} is no notebook") from None
    return node


def write_pages(notebook: dict[str, Any], path: Path) -> Path:
    """Write a notebook, and beside it the page of it.

    Args:
        notebook: As nbformat 4 has it.
        path: The notebook's file.

    Returns:
        The page's file.

    Raises:
        CommandError: They can't be written.
    """
    nbformat: Any = import_module("nbformat")
    exporters: Any = import_module("nbconvert.exporters")
    page = path.with_suffix(".html")
    node = nbformat.from_dict(notebook)
    try:
        nbformat.validate(node)
        nbformat.write(node, path)
        text, _ = exporters.HTMLExporter(raw_template=_TEMPLATE).from_notebook_node(
            node, resources={"metadata": {"name": path.stem}}
        )
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{error.filename or path} can't be written: {error.strerror}") from None
    except nbformat.ValidationError as error:
        raise CommandError(f"the executed notebook is not valid: {error.message}") from None
    return page
