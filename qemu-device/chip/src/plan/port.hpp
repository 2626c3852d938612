// SPDX-License-Identifier: MIT
#pragma once

#include "../host.hpp"
#include "../state/archive.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace neuron::chip::plan {

/// How a driver hands over a plan and gets the report. Registers PLAN.
class Port {
public:
    /// `set` takes up a plan, and returns what is wrong with it. `report` says what has become of it.
    Port(const Host &host, std::function<std::string(std::string_view)> set, std::function<std::string()> report)
        : host_(host), set_(std::move(set)), report_(std::move(report)) {}

    struct Registers {
        std::uint64_t addr = 0;
        std::uint32_t bytes = 0;
        std::uint32_t op = 0;
        std::uint32_t done = 0;
        bool error = false;
    };
    Registers registers() const;
    void set_addr(std::uint64_t value);
    void set_bytes(std::uint32_t value);
    /// Carries out the operation, on the calling thread, which holds no lock of the chip: it reads or writes host memory.
    void run(std::uint32_t op);
    void reset();
    void serialize(Archive &archive);

private:
    /// These return whether it was done.
    bool take(const Registers &regs);
    bool report(const Registers &regs, std::uint32_t &done);

    const Host &host_;
    const std::function<std::string(std::string_view)> set_;
    const std::function<std::string()> report_;

    mutable std::mutex mutex_; ///< guards all below
    Registers regs_;
};

} // namespace neuron::chip::plan
