"""Quadrature rules: exactness, and independent points that are really independent."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

BOXES = [
    sd.Box([(-1, 2)]),
    sd.Box([(0, 1)], periodic=True),
    sd.Box([(-1, 2), (0.5, 1)], periodic=[True, False]),
]
RULES = [sd.Grid(8), sd.Grid(9), sd.Grid(1), sd.GaussLegendre(4), sd.GaussLegendre(3, panels=5)]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("box", BOXES, ids=["line", "circle", "cylinder"])
def test_weights_sum_to_the_volume_and_points_lie_inside(rule, box):
    for points, weights in (rule.nodes(box), rule.independent(box)):
        assert points.shape == (len(weights), box.dim)
        assert weights.sum() == pytest.approx(box.volume, rel=1e-12)
        for k, (a, b) in enumerate(box.bounds):
            assert (points[:, k] > a).all() and (points[:, k] < b).all()


@pytest.mark.parametrize("rule", [*RULES, sd.Grid(400), sd.Grid(401)], ids=repr)
@pytest.mark.parametrize("box", BOXES[:2], ids=["line", "circle"])
def test_independent_points_are_no_nodes(rule, box):
    nodes, fresh = rule.nodes(box)[0], rule.independent(box)[0]
    distance = np.abs(fresh[:, None, 0] - nodes[None, :, 0]).min()
    assert distance > 1e-6


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_gauss_legendre_is_exact_to_degree_2n_minus_1(order):
    box = sd.Box([(-1, 2), (0, 3)])
    points, weights = sd.GaussLegendre(order, panels=2).nodes(box)
    for degree in range(2 * order):
        exact = (2 ** (degree + 1) - (-1) ** (degree + 1)) / (degree + 1) * 3 ** (degree + 1) / (degree + 1)
        assert weights @ np.prod(points**degree, axis=1) == pytest.approx(exact, rel=1e-11)


def test_the_midpoint_rule_is_spectral_on_a_circle_and_second_order_on_a_line():
    circle = sd.Box([(0, 2 * np.pi)], periodic=True)
    points, weights = sd.Grid(24).nodes(circle)
    assert weights @ np.exp(np.sin(points[:, 0])) == pytest.approx(2 * np.pi * np.i0(1.0), rel=1e-12)
    line = sd.Box([(0, 1)])
    for nodes in (sd.Grid.nodes, sd.Grid.independent):
        errors = []
        for n in (30, 60, 120):
            points, weights = nodes(sd.Grid(n), line)
            errors.append(abs(weights @ np.exp(points[:, 0]) - np.expm1(1)))
        np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.1)


def test_bad_domains_are_refused():
    for bounds in ([(1, 1)], [(2, 1)], [(np.inf, np.inf)], [(0, np.nan)], [(-1.7e308, 1.7e308)]):
        with pytest.raises(ValueError, match="empty or not finite"):
            sd.Box(bounds)
    with pytest.raises(ValueError, match="is periodic and not finite"):
        sd.Box([(0, np.inf)], periodic=True)
    for rule in (sd.Grid(4), sd.GaussLegendre(4)):
        with pytest.raises(ValueError, match="needs a box of finite ends"):
            rule.nodes(sd.Box([(0, sp.oo)]))
    with pytest.raises(ValueError, match="1 periodic flags for a box of dimension 2"):
        sd.Box([(0, 1), (0, 1)], periodic=[True])
    with pytest.raises(ValueError, match="does not fit a domain of dimension 1"):
        sd.Grid((4, 4)).nodes(sd.Box([(0, 1)]))
    with pytest.raises(ValueError, match="the size of a Grid = 0 must be at least 1"):
        sd.Grid(0).nodes(sd.Box([(0, 1)]))
    with pytest.raises(ValueError, match="the order of GaussLegendre = 0 must be at least 1"):
        sd.GaussLegendre(0).nodes(sd.Box([(0, 1)]))
