// SPDX-License-Identifier: MIT
#include "port.hpp"

#include <algorithm>

namespace neuron::chip::plan {

static_assert(spec::PLAN_BYTES <= Host::MAX_TRANSFER);

Port::Registers Port::registers() const {
    const std::lock_guard lock(mutex_);
    return regs_;
}

void Port::set_addr(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    regs_.addr = value;
}

void Port::set_bytes(std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    regs_.bytes = value;
}

bool Port::take(const Registers &regs) {
    std::string text(regs.bytes, '\0');
    // No memory is asked for no plan: a device that is cut off can do that.
    if (!text.empty() && !host_.read_past_plan(regs.addr, std::as_writable_bytes(std::span(text))))
        return false;
    return set_(text).empty();
}

bool Port::report(const Registers &regs, std::uint32_t &done) {
    const std::string text = report_();
    done = static_cast<std::uint32_t>(text.size());
    const auto part = std::as_bytes(std::span(text)).first(std::min<std::size_t>(text.size(), regs.bytes));
    return part.empty() || host_.write_past_plan(regs.addr, part);
}

void Port::run(std::uint32_t op) {
    const Registers now = registers();
    std::uint32_t done = now.done;
    bool good = false;
    if (now.bytes <= spec::PLAN_BYTES) {
        switch (static_cast<spec::PlanOp>(op)) {
        case spec::PlanOp::SET: good = take(now); break;
        case spec::PlanOp::REPORT: good = report(now, done); break;
        }
    }
    const std::lock_guard lock(mutex_);
    regs_.op = op;
    regs_.done = done;
    regs_.error = !good;
}

void Port::reset() {
    const std::lock_guard lock(mutex_);
    regs_ = {};
}

void Port::serialize(Archive &archive) {
    archive.number("PLAN_ADDR", regs_.addr);
    archive.number("PLAN_BYTES", regs_.bytes);
    archive.number("PLAN_CMD", regs_.op);
    archive.number("PLAN_DONE", regs_.done);
    archive.flag("plan error", regs_.error);
}

} // namespace neuron::chip::plan
