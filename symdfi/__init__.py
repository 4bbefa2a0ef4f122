"""symdfi: write the physics once in SymPy, at any size, and run it at the speed of hand-written loops.

The names are imported when they are first used, from where ``__init__.pyi`` says: SymPy, Numba and SciPy take seconds.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
