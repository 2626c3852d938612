# SPDX-License-Identifier: MIT
"""Every compute instruction by name."""

from . import elementwise, reduce, select, tensor

_FUNCTIONS = (
    elementwise.copy, elementwise.memset, elementwise.tensor_tensor, elementwise.tensor_scalar,
    elementwise.scalar_tensor_tensor, elementwise.reciprocal, elementwise.activate,
    reduce.tensor_reduce, reduce.tensor_scalar_reduce, reduce.tensor_scalar_cumulative, reduce.tensor_tensor_scan,
    reduce.read_acc, reduce.bn_stats, reduce.bn_aggr, reduce.max8, reduce.find_index8, reduce.match_replace8,
    reduce.match_replace8_index,
    select.transpose, select.stream_shuffle, select.copy_predicated, select.fill_predicated, select.select_reduce,
    select.range_select, select.rng, select.set_rng_seed, select.dropout, select.iota, select.affine_select,
    select.partition_reduce, select.gather, select.local_gather,
    tensor.ldweights, tensor.matmul, tensor.pe_transpose,
)
TABLE = {function.__name__.upper(): function for function in _FUNCTIONS}
