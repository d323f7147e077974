"""Names of other projects stay plain code: no link is made that could not be checked here.

The build is nitpicky and without intersphinx (no inventory can be fetched where it runs), so that
a name of ours that is misspelt fails the build, and a name of NumPy's does not.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

OUTSIDE_MODULES = (
    "accelerate",
    "collections",
    "dask",
    "distributed",
    "joblib",
    "matplotlib",
    "networkx",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "polars",
    "safetensors",
    "scipy",
    "sklearn",
    "skorch",
    "torch",
    "zarr",
)
# Labels and terms of scikit-learn's user guide, in the docstrings that its estimators hand down.
OUTSIDE_LABELS = ("accuracy_score", "metadata_routing")
OUTSIDE_TERMS = ("meta-estimator",)


def plain_if_outside(
    app: Sphinx, env: BuildEnvironment, node: nodes.Element, shown: nodes.Element
) -> nodes.Element | None:
    """Return what the reference shows, unlinked, where it points to another project."""
    target = node.get("reftarget", "")
    if node.get("refdomain") == "py" and target.split(".")[0] in OUTSIDE_MODULES:
        return shown
    outside = {"ref": OUTSIDE_LABELS, "term": OUTSIDE_TERMS}.get(node.get("reftype"), ())
    if target in outside:
        return nodes.inline("", shown.astext())
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("missing-reference", plain_if_outside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
