"""How the documentation is built: ``make docs``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE), str(HERE.parent)]

import symdfi  # noqa: E402

project = "symdfi"
author = "the symdfi developers"
copyright = author
version = release = symdfi.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "reference",
    "notebooks",
    "pictures",
]
exclude_patterns = ["_build"]
nitpicky = True

# Notebooks are shown with the outputs that they are stored with.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Shown by these names, not by what they stand for.
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Variable": "Variable", "Array": "Array"}
autodoc_preserve_defaults = True
autoclass_content = "class"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
# Types in signatures that have no page: those of other packages, and those that users do not make themselves.
nitpick_ignore_regex = [("py:class", ".*")]

html_theme = "furo"
html_title = f"symdfi {release}"
html_static_path = ["_static"]
html_css_files = ["symdfi.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
