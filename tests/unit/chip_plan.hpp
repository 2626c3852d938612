// SPDX-License-Identifier: MIT
// A chip with a fault plan, and a program for it to meet.
#pragma once

#include "chip_dma.hpp"
#include "chip_fault_plan.hpp"

#include <string>
#include <vector>

namespace chip_test {

inline constexpr std::uint32_t BYTES = 4 * 100;

struct Rig {
    explicit Rig(void **state) : m(mode_of(state)), r(m) {}

    void plan(const std::string &text) { set_fault_plan(m, text); }
    std::string report() { return fault_report(m); }
    /// Fails unless rule `number` has matched and made so many.
    void made(int number, int matched, int made) {
        const std::string want =
            "\n" + std::to_string(number) + ": matched=" + std::to_string(matched) + " made=" + std::to_string(made);
        if (("\n" + report()).find(want + " ") == std::string::npos)
            fail_msg("no '%s' in:\n%s", want.c_str() + 1, report().c_str());
    }
    template<class Packet>
    void run(const Packet &packet) {
        r.queue.submit(packet);
        m.settle();
    }
    void fill(std::uint32_t pattern) { run(spec::PacketFill{.dst = Runner::DATA, .bytes = 8, .pattern = pattern}); }

    Machine m;
    DmaRunner r;
};

/// Loads a row of host memory, stores it in HBM, and counts semaphore 1 up twice.
inline Program copying() {
    Program p;
    p.add(Engine::SP, load(tile(1, BYTES / 4), mem(0, BYTES / 4), 3, add(1, 1)));
    p.add(Engine::ACT,
          store(mem(1, BYTES / 4), tile(1, BYTES / 4), 3, sync(spec::WaitOp::GE, 1, 1, spec::UpdateOp::ADD, 1, 1)));
    p.add(Engine::ACT, nop(wait_ge(1, 2)));
    p.add(Engine::SP, end());
    p.add(Engine::ACT, end());
    return p;
}
inline const std::vector<std::uint64_t> ENDS{DmaRunner::HOST_AREA, Runner::DATA};

} // namespace chip_test
