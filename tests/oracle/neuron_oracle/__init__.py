# SPDX-License-Identifier: MIT
"""What the chip's instructions compute, in NumPy, exact to the bit.

Written from spec/isa.toml alone and by other methods than the chip model, so that the two check each other.
Tensors are arrays of the storage type of their dtype: see STORAGE. Functions are pure.
"""

from .casts import STORAGE, cast, from_f32, to_f32
from .fma import fma32
from .matmul import matmul, products_are_exact

__all__ = ["STORAGE", "cast", "fma32", "from_f32", "matmul", "products_are_exact", "to_f32"]
