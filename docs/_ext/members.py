"""Class pages show methods and properties; parameters and plain attributes are in the docstring."""

from typing import Any

from sphinx.application import Sphinx


def skip_plain_attributes(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out a class's own values, such as a parameter's default."""
    plain = what == "class" and not callable(obj) and not hasattr(obj, "__get__")
    return True if plain else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-skip-member", skip_plain_attributes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
