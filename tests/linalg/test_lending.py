"""Matrices that are lent and given back."""

import gc

import numpy as np

from symdfi.linalg.lending import Lender


def memory(matrix):
    return matrix.__array_interface__["data"][0]


def test_a_matrix_is_lent_again_when_no_view_of_it_is_held():
    lender = Lender()
    one = lender.matrix(4)
    place, view = memory(one), one.T[1:, :2]
    one[:] = 3.0
    del one
    other = lender.matrix(4)
    assert memory(other) != place and not other.any()
    np.testing.assert_array_equal(view, 3.0)
    del view
    gc.collect()  # nothing to do where references are counted
    again = lender.matrix(4)
    assert memory(again) == place and (again == 3.0).all()
    assert lender.matrix(3).shape == (3, 3)


def test_a_copy_is_in_fortran_order_and_holds_its_memory():
    lender, matrix = Lender(), np.arange(9.0).reshape(3, 3)
    copy = lender.copied(matrix)
    del lender
    gc.collect()
    assert copy.flags.f_contiguous and not np.shares_memory(copy, matrix)
    np.testing.assert_array_equal(copy, matrix)
