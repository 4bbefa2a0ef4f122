"""Figures of datasets, in one style, made with matplotlib's object interface (no global state, no window)."""

from symdfi.plotting.captions import captioned
from symdfi.plotting.fields import plot_field, plot_moments
from symdfi.plotting.films import Film, film_of_elements, film_of_fields, film_of_path
from symdfi.plotting.motions import plot_modes, plot_space_time, plot_trajectory
from symdfi.plotting.orbits import draw_orbit, draw_training, plot_branch, plot_nudges, plot_orbit, plot_training
from symdfi.plotting.rivals import plot_rivals

__all__ = [
    "Film",
    "captioned",
    "draw_orbit",
    "draw_training",
    "film_of_elements",
    "film_of_fields",
    "film_of_path",
    "plot_branch",
    "plot_field",
    "plot_modes",
    "plot_moments",
    "plot_nudges",
    "plot_orbit",
    "plot_rivals",
    "plot_space_time",
    "plot_training",
    "plot_trajectory",
]
