// SPDX-License-Identifier: MIT
#include "completions.hpp"

#include <utility>

namespace neuron::chip {

using spec::SanitizerKind;

void Completions::start(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    lines_[queue] = {};
}

std::optional<Completions::Finding> Completions::ask_seqno(std::uint32_t queue, std::uint64_t packet) {
    const std::lock_guard lock(mutex_);
    const auto missing = std::exchange(lines_[queue].seqno_of, packet);
    return missing ? std::optional(Finding{SanitizerKind::COMPLETION_MISSING, *missing}) : std::nullopt;
}

std::optional<Completions::Finding> Completions::write_seqno(std::uint32_t queue, std::uint64_t seqno) {
    const std::lock_guard lock(mutex_);
    Line &line = lines_[queue];
    line.seqno_of.reset();
    const std::uint64_t before = std::exchange(line.seqno, seqno);
    return seqno <= before ? std::optional(Finding{SanitizerKind::COMPLETION_TWICE, seqno - 1}) : std::nullopt;
}

std::optional<Completions::Finding> Completions::ask_interrupt(std::uint32_t queue, std::uint64_t packet,
                                                               std::uint32_t vector) {
    const std::lock_guard lock(mutex_);
    lines_[queue].vector = vector;
    const auto missing = std::exchange(lines_[queue].interrupt_of, packet);
    return missing ? std::optional(Finding{SanitizerKind::INTERRUPT_MISSING, *missing}) : std::nullopt;
}

void Completions::raise(std::uint32_t vector) {
    const std::lock_guard lock(mutex_);
    for (Line &line : lines_)
        if (line.vector == vector)
            line.interrupt_of.reset();
}

std::optional<Completions::Finding> Completions::owed(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    Line &line = lines_[queue];
    if (const auto missing = std::exchange(line.seqno_of, std::nullopt))
        return Finding{SanitizerKind::COMPLETION_MISSING, *missing};
    if (const auto missing = std::exchange(line.interrupt_of, std::nullopt))
        return Finding{SanitizerKind::INTERRUPT_MISSING, *missing};
    return std::nullopt;
}

} // namespace neuron::chip
