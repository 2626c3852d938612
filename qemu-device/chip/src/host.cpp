// SPDX-License-Identifier: MIT
#include "host.hpp"

#include "explore/explorer.hpp"
#include "sanitizer/sanitizer.hpp"

#include <algorithm>
#include <vector>

namespace neuron::chip {

using spec::PlanAction;
using spec::PlanEvent;

bool Host::read(std::uint64_t bus, std::span<std::byte> out) const {
    return faults_.active() ? read_by_plan(bus, out) : read_past_plan(bus, out);
}

bool Host::write(std::uint64_t bus, std::span<const std::byte> in) const {
    return faults_.active() ? write_by_plan(bus, in) : write_past_plan(bus, in);
}

bool Host::read_past_plan(std::uint64_t bus, std::span<std::byte> out) const {
    return ops_.dma_read(opaque_, bus, out.data(), out.size()) == 0;
}

bool Host::write_past_plan(std::uint64_t bus, std::span<const std::byte> in) const {
    return ops_.dma_write(opaque_, bus, in.data(), in.size()) == 0;
}

bool Host::read_by_plan(std::uint64_t bus, std::span<std::byte> out) const {
    const auto verdict = faults_.ask(PlanEvent::DMA_READ, bus, bus + (out.size() - 1));
    if (!verdict)
        return read_past_plan(bus, out);
    if (verdict->action == PlanAction::FAIL)
        return false;
    if (verdict->action == PlanAction::DELAY)
        faults_.sleep(*verdict);
    const bool done = read_past_plan(bus, out);
    plan::garble(*verdict, out);
    return done;
}

bool Host::write_by_plan(std::uint64_t bus, std::span<const std::byte> in) const {
    const auto verdict = faults_.ask(PlanEvent::DMA_WRITE, bus, bus + (in.size() - 1));
    if (!verdict) {
        const bool done = write_past_plan(bus, in);
        faults_.happened(PlanEvent::DMA_WRITE);
        return done;
    }
    if (verdict->action == PlanAction::FAIL)
        return false;
    if (verdict->action == PlanAction::DROP)
        return true;
    if (verdict->action == PlanAction::REORDER &&
        faults_.hold(*verdict, PlanEvent::DMA_WRITE,
                     [this, bus, bytes = std::vector(in.begin(), in.end())] { write_past_plan(bus, bytes); }))
        return true;
    const bool done = do_write(*verdict, bus, in);
    faults_.happened(PlanEvent::DMA_WRITE);
    return done;
}

bool Host::do_write(const plan::Verdict &verdict, std::uint64_t bus, std::span<const std::byte> in) const {
    std::vector<std::byte> bytes(in.begin(), in.end());
    if (verdict.action == PlanAction::DELAY)
        faults_.sleep(verdict);
    plan::garble(verdict, bytes);
    if (verdict.action == PlanAction::DUPLICATE && !write_past_plan(bus, bytes))
        return false;
    return write_past_plan(bus, bytes);
}

void Host::kick() const {
    if (ops_.kick != nullptr)
        ops_.kick(opaque_);
}

void Host::function_fault(PlanAction action, std::uint64_t argument) const {
    if (has_function())
        ops_.function_fault(opaque_, spec::raw(action), argument);
}

void Host::log(neuron_chip_log_level level, const std::string &line) const {
    if (ops_.log != nullptr)
        ops_.log(opaque_, level, line.c_str());
}

std::uint64_t InterruptGate::epoch() const {
    const std::lock_guard lock(mutex_);
    return epoch_;
}

void InterruptGate::raise(std::uint64_t epoch, std::uint32_t vector) {
    if (host_.faults_.active())
        raise_by_plan(epoch, vector);
    else
        deliver(epoch, vector);
}

void InterruptGate::raise_by_plan(std::uint64_t epoch, std::uint32_t vector) {
    const auto verdict = host_.faults_.ask(PlanEvent::IRQ, vector);
    const auto action = verdict ? verdict->action : PlanAction{};
    if (action == PlanAction::DROP)
        return;
    if (action == PlanAction::REORDER &&
        host_.faults_.hold(*verdict, PlanEvent::IRQ, [this, epoch, vector] { deliver(epoch, vector); }))
        return;
    deliver(epoch, vector);
    if (action == PlanAction::DUPLICATE)
        deliver(epoch, vector);
    else if (action == PlanAction::SPURIOUS)
        deliver(epoch, static_cast<std::uint32_t>(verdict->argument));
    host_.faults_.happened(PlanEvent::IRQ);
}

void InterruptGate::deliver(std::uint64_t epoch, std::uint32_t vector) {
    if (sanitizer_ != nullptr) [[unlikely]] {
        const std::lock_guard lock(mutex_);
        if (epoch != epoch_)
            return;
        sanitizer_->raises(vector); // now: one that is held back is not missing
    }
    if (explorer_ != nullptr && explorer_->hold_interrupt(epoch, vector)) [[unlikely]]
        return;
    send(epoch, vector);
}

void InterruptGate::send(std::uint64_t epoch, std::uint32_t vector) {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_)
        return;
    host_.ops_.raise_irq(host_.opaque_, vector);
}

void InterruptGate::close_epoch() {
    const std::lock_guard lock(mutex_);
    ++epoch_;
}

} // namespace neuron::chip
