# SPDX-License-Identifier: MIT
"""What the chip's instructions compute, in NumPy, exact to the bit.

Written from the reference (spec/isa/, docs/reference/isa.md) alone and by other methods than the chip model, so that the
two check each other. Tensors are arrays of the storage type of their dtype: see STORAGE. Functions are pure; a Machine is
a core with memory.
"""

from .casts import FORMATS, STORAGE, cast, from_f32, to_f32
from .fma import fma32
from .machine import Fault, Machine
from .matmul import matmul, products_are_exact
from .philox import philox4x32_10

__all__ = ["FORMATS", "STORAGE", "Fault", "Machine", "cast", "fma32", "from_f32", "matmul", "philox4x32_10",
           "products_are_exact", "to_f32"]
