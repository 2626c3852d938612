// SPDX-License-Identifier: MIT
#include "recording.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <string_view>
#include <utility>

namespace neuron::chip::tape {

using spec::TapeKind;

namespace {

std::uint16_t failed_flag(int result) { return result != 0 ? spec::raw(spec::TapeFlag::FAILED) : 0; }

} // namespace

tl::expected<std::unique_ptr<Recording>, CreateError> Recording::create(const ChipInfo &info, Writer::Sink sink,
                                                                        const neuron_chip_host_ops &ops, void *opaque) {
    std::unique_ptr<Recording> made(new Recording(std::move(sink), ops, opaque));
    if (const int error = made->writer_.begin(info, ops.function_fault != nullptr); error != 0)
        return tl::unexpected(CreateError{-error, fmt::format("tape: {}", strerrordesc_np(-error))});
    return made;
}

Recording::~Recording() {
    if (std::exchange(chip_, nullptr) != nullptr)
        end();
}

void Recording::end() {
    const Entry entry(*this);
    if (!std::exchange(ended_, true))
        check(writer_.end(steps_));
}

int Recording::add_state(std::span<const std::byte> state) {
    int result = 0;
    for (std::size_t at = 0; at < state.size() && result == 0; at += spec::TAPE_DATA_BYTES)
        result = writer_.add({.kind = TapeKind::STATE},
                             state.subspan(at, std::min<std::size_t>(spec::TAPE_DATA_BYTES, state.size() - at)));
    return result;
}

void Recording::attach(Chip &chip, std::unique_ptr<HostWindow> window) {
    chip_ = &chip;
    hbm_ = chip.aperture();
    window_ = std::move(window);
}

neuron_chip_host_ops Recording::ops() const {
    neuron_chip_host_ops ops{};
    ops.size = sizeof ops;
    ops.dma_read = [](void *self, std::uint64_t addr, void *buf, std::size_t len) {
        return static_cast<Recording *>(self)->dma_read(addr, {static_cast<std::byte *>(buf), len});
    };
    ops.dma_write = [](void *self, std::uint64_t addr, const void *buf, std::size_t len) {
        return static_cast<Recording *>(self)->dma_write(addr, {static_cast<const std::byte *>(buf), len});
    };
    // The chip holds locks during these, so nobody is let in.
    ops.raise_irq = [](void *opaque, std::uint32_t vector) {
        auto *self = static_cast<Recording *>(opaque);
        self->note({.kind = TapeKind::IRQ, .value = vector});
        self->host_.raise_irq(self->opaque_, vector);
    };
    ops.kick = [](void *opaque) {
        const auto *self = static_cast<Recording *>(opaque);
        if (self->host_.kick != nullptr)
            self->host_.kick(self->opaque_);
    };
    ops.log = [](void *opaque, neuron_chip_log_level level, const char *message) {
        static_cast<Recording *>(opaque)->log(level, message);
    };
    if (host_.function_fault != nullptr)
        ops.function_fault = [](void *opaque, std::uint32_t action, std::uint64_t argument) {
            auto *self = static_cast<Recording *>(opaque);
            self->note({.kind = TapeKind::FUNCTION, .addr = action, .value = argument});
            self->host_.function_fault(self->opaque_, action, argument);
        };
    return ops;
}

// What happens in a step is done by the unit that takes it, but not what comes in while that waits.
void Recording::name_unit(spec::TapeEvent &head) {
    const Unit *const unit = stepping();
    if (unit == nullptr || unit == waiting_)
        return;
    if (unit != named_) {
        named_ = unit;
        name_ = chip_->name_of(unit);
    }
    head.unit = name_.kind;
    head.core = name_.core;
    head.index = name_.index;
}

void Recording::note(spec::TapeEvent head, std::span<const std::byte> data) {
    idle_noted_ = false;
    if (ended_)
        return;
    head.step = steps_;
    name_unit(head);
    check(writer_.add(head, data));
}

// A tape that cannot be written ends; the chip works on.
void Recording::check(int result) {
    if (result == 0 || complained_)
        return;
    complained_ = true;
    if (host_.log != nullptr)
        host_.log(opaque_, NEURON_CHIP_LOG_ERROR,
                  fmt::format("tape: it ends at step {}: {}", steps_, strerrordesc_np(-result)).c_str());
}

std::uint64_t Recording::reg_read(std::uint64_t offset, unsigned size) {
    const Entry entry(*this);
    const std::uint64_t value = chip_->registers().read(offset, size);
    note(entry.flags(
        {.kind = TapeKind::REG_READ, .size = static_cast<std::uint8_t>(size), .addr = offset, .value = value}));
    return value;
}

// Step by step, so that an access waits for one step at most.
std::uint64_t Recording::run(std::uint64_t max_steps) {
    std::uint64_t done = 0;
    for (; done < max_steps; ++done) {
        const Entry entry(*this);
        ++steps_;
        if (chip_->executor().run(1) != 0) {
            idle_noted_ = false;
            continue;
        }
        --steps_;
        // Time may have passed for it, but not a second time.
        if (!idle_noted_)
            note(entry.flags({.kind = TapeKind::IDLE}));
        idle_noted_ = true;
        break;
    }
    return done;
}

// Into memory of its own: what a refused read has left behind is nothing that the chip shall see.
int Recording::dma_read(std::uint64_t addr, std::span<std::byte> out) {
    std::vector<std::byte> bounce = std::exchange(bounce_, {}); // another call may come in and read, too
    bounce.resize(out.size());
    const std::uint64_t depth = monitor_.let_in();
    const int result = host_.dma_read(opaque_, addr, bounce.data(), bounce.size());
    monitor_.go_on(depth);
    if (result == 0)
        std::memcpy(out.data(), bounce.data(), out.size());
    note({.kind = TapeKind::DMA_READ, .flags = failed_flag(result), .addr = addr, .value = out.size()},
         std::span(bounce).first(result == 0 ? bounce.size() : 0));
    bounce_ = std::move(bounce);
    return result;
}

int Recording::dma_write(std::uint64_t addr, std::span<const std::byte> in) {
    const std::uint64_t depth = monitor_.let_in();
    const int result = host_.dma_write(opaque_, addr, in.data(), in.size());
    monitor_.go_on(depth);
    note({.kind = TapeKind::DMA_WRITE, .flags = failed_flag(result), .addr = addr, .value = in.size()}, in);
    return result;
}

void Recording::log(neuron_chip_log_level level, const char *message) {
    const std::string_view text = std::string_view(message).substr(0, spec::TAPE_DATA_BYTES);
    note({.kind = TapeKind::LOG, .value = static_cast<std::uint64_t>(level)}, std::as_bytes(std::span(text)));
    if (host_.log != nullptr)
        host_.log(opaque_, level, message);
}

void Recording::before_read(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t number = reads_++;
    if (window_ == nullptr) // the chip becomes what was saved
        return;
    window_->take_over(hbm_, offset, bytes, [&](std::uint64_t at, std::span<const std::byte> now) {
        note({.kind = TapeKind::PATCH, .addr = at, .value = number}, now);
    });
}

void Recording::after_write(std::uint64_t offset, std::uint64_t bytes) {
    if (window_ != nullptr)
        window_->show(hbm_, offset, bytes);
}

void Recording::zeroed(std::uint64_t offset, std::uint64_t bytes) {
    if (window_ != nullptr)
        window_->zero(offset, bytes);
}

void Recording::taken_up(std::uint32_t queue, std::uint64_t packet,
                         std::span<const std::byte, spec::PACKET_BYTES> raw) {
    note({.kind = TapeKind::PACKET, .addr = queue, .value = packet}, raw);
}

void Recording::retired(std::uint32_t queue, std::uint64_t packet) {
    note({.kind = TapeKind::RETIRED, .addr = queue, .value = packet});
}

bool Recording::host_touched(std::uint64_t offset, bool found) {
    note({.kind = TapeKind::TOUCHED, .addr = offset, .value = found});
    return found;
}

} // namespace neuron::chip::tape
