// SPDX-License-Identifier: MIT
#include "judge.hpp"

#include "compute/instruction_check.hpp"

namespace fuzz {

bool Judge::takes(spec::Engine engine, std::span<const std::byte, spec::INSTRUCTION_BYTES> raw) {
    if (!neuron::chip::check_instruction(engine, version_, raw))
        return false;
    neuron::chip::ExecContext context{engine,        version_, registers_, memory_, states_[spec::raw(engine)],
                                      tensor_engine_};
    return neuron::chip::execute_compute(context, static_cast<spec::Opcode>(raw[0]), raw).has_value();
}

} // namespace fuzz
