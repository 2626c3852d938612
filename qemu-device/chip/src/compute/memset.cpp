// SPDX-License-Identifier: MIT
// Instruction MEMSET.
#include "compute/fill_value.hpp"
#include "compute/instructions.hpp"
#include "compute/move_kernel.hpp"
#include "compute/operand_checks.hpp"
#include "compute/raw_rows.hpp"

namespace neuron::chip {

ExecResult execute(ExecContext &context, const spec::InsnMemset &insn) {
    OperandChecks checks(context, spec::Opcode::MEMSET);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto scalar = checks.scalar(insn.value, insn.dst.partitions, "value");
    if (!checks.ok()) {
        return checks.failure();
    }
    const FillValue value(context, *dst, *scalar);
    RawWriter writer(context, *dst, 0, true);
    if (const RowAddresses *const rows = writer.in_place(); rows != nullptr && value.uniform()) {
        fill_rows(dst->element_bytes(), {dst->partitions(), rows->stride()}, rows->at(0), value.bits(),
                  dst->elements());
        return {};
    }
    for (unsigned row = 0; row < dst->partitions(); ++row) {
        std::byte *const out = writer.begin(row);
        if (value.uniform()) {
            fill_rows(dst->element_bytes(), {}, out, value.bits() + row, dst->elements());
        } else {
            value.round(row, 0, dst->elements(), out);
        }
        writer.end();
    }
    return {};
}

} // namespace neuron::chip
