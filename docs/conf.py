"""Sphinx settings; ``sphinx-build -W --keep-going -b html docs docs/_build/html`` builds."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS / "_ext"), str(ROOT), str(ROOT / "benchmarks")]  # examples read its data

import skbetafd  # noqa: E402

project = "skbetafd"
author = "The skbetafd developers"
copyright = "The skbetafd developers, BSD-3-Clause"
version = release = skbetafd.__version__

extensions = [
    "members",
    "myst_parser",
    "numpydoc",
    "outside_names",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "tests", "**/README.md", "auto_examples/**/*.ipynb"]
templates_path = ["_templates"]
nitpicky = True
default_role = "code"

# Markdown: the headings of the reports are anchors, as they are on GitHub.
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# API reference
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters say more
autodoc_member_order = "groupwise"
autodoc_default_options = {"members": True, "inherited-members": True}
numpydoc_show_class_members = False  # the template lists the methods
numpydoc_xref_param_type = False
python_maximum_signature_line_length = 88
python_trailing_comma_in_multi_line_signatures = False
maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

# Examples
sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skbetafd",),
    "inspect_global_variables": True,
    "matplotlib_animations": False,
    "min_reported_time": 0,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its table loads scripts from elsewhere
    "download_all_examples": False,
    "default_thumb_file": str(DOCS / "_static" / "thumbnail.png"),
    "thumbnail_size": (400, 280),
}

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "skbetafd"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["skbetafd.css"]
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "header_links_before_dropdown": 5,
    "logo": {"text": "skbetafd", "alt_text": "skbetafd: home"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {
    "index": [],
    "why_and_when": [],
    "quickstart": [],
    "comparison": [],
    "faq": [],
    "changelog": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# `sphinx-build -b linkcheck docs docs/_build/linkcheck`, for those with internet
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False
