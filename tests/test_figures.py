"""What a notebook shows of a figure and of long work."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import xarray as xr

from symdfi.plotting import plot_nudges


def test_a_figure_is_its_own_picture_without_pyplot():
    beta = np.logspace(-8, -1, 8)
    figure = plot_nudges(xr.Dataset({"centered": ("beta", beta**2)}, {"beta": beta}))
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_without_widgets_a_notebook_hears_nothing_of_the_bar():
    program = (
        "import sys, types\n"
        "kernel = types.SimpleNamespace(config={'IPKernelApp': {}})\n"
        "sys.modules |= {'IPython': types.SimpleNamespace(get_ipython=lambda: kernel), 'ipywidgets': None}\n"
        "from symdfi import progress\n"
        "with progress.bar(total=1, desc='evolve') as bar: bar.update()"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
