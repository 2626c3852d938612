// SPDX-License-Identifier: MIT
#include "host.hpp"

#include "sanitizer/sanitizer.hpp"

namespace neuron::chip {

bool Host::read(std::uint64_t bus, std::span<std::byte> out) const {
    return ops_.dma_read(opaque_, bus, out.data(), out.size()) == 0;
}

bool Host::write(std::uint64_t bus, std::span<const std::byte> in) const {
    return ops_.dma_write(opaque_, bus, in.data(), in.size()) == 0;
}

void Host::kick() const {
    if (ops_.kick != nullptr)
        ops_.kick(opaque_);
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
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_)
        return;
    if (sanitizer_ != nullptr) [[unlikely]]
        sanitizer_->raises(vector);
    host_.ops_.raise_irq(host_.opaque_, vector);
}

void InterruptGate::close_epoch() {
    const std::lock_guard lock(mutex_);
    ++epoch_;
}

} // namespace neuron::chip
