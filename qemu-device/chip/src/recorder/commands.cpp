// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include "../sanitizer/sanitizer.hpp"

#include <algorithm>

namespace neuron::chip {

RecorderCommands::Registers RecorderCommands::registers() const {
    const std::lock_guard lock(mutex_);
    return regs_;
}

bool RecorderCommands::set_addr(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (regs_.busy)
        return false;
    regs_.addr = value;
    return true;
}

bool RecorderCommands::set_first(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (regs_.busy)
        return false;
    regs_.first = value;
    return true;
}

bool RecorderCommands::set_count(std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    if (regs_.busy)
        return false;
    regs_.count = value;
    return true;
}

bool RecorderCommands::valid_locked() const {
    if (regs_.addr % Recorder::BYTES != 0)
        return false;
    switch (static_cast<spec::RecOp>(regs_.op)) {
    case spec::RecOp::DUMP: return true;
    case spec::RecOp::HISTORY:
        if (Book::is_space(regs_.count))
            return true;
        [[fallthrough]];
    case spec::RecOp::BLAME: return regs_.count < spec::MAX_CONTEXTS && regs_.first >> spec::MMU_VA_BITS == 0;
    case spec::RecOp::LAST_FAULT: return regs_.count < spec::MAX_CONTEXTS;
    case spec::RecOp::REPORTS:
    case spec::RecOp::FORGET_REPORTS: return sanitizer_ != nullptr;
    }
    return false;
}

bool RecorderCommands::start(std::uint32_t op) {
    {
        const std::lock_guard lock(mutex_);
        if (regs_.busy)
            return false;
        regs_.op = op;
        regs_.done = 0;
        regs_.error = !valid_locked();
        if (regs_.error)
            return true;
        regs_.busy = true;
        written_ = 0;
        at_ = regs_.first;
        end_ = regs_.first + std::min<std::uint64_t>(regs_.count, ~0ULL - regs_.first);
    }
    executor_.wake(*this);
    return true;
}

void RecorderCommands::reset() {
    const std::lock_guard lock(mutex_);
    regs_ = {};
    ++resets_;
}

bool RecorderCommands::busy() const {
    const std::lock_guard lock(mutex_);
    return writing_;
}

void RecorderCommands::finish_locked(bool error) {
    regs_.busy = false;
    regs_.error = error;
}

RecorderCommands::Piece RecorderCommands::next_reports(std::uint64_t &at, std::uint64_t end) {
    std::size_t count = 0;
    for (; (count + 1) * spec::SanitizerReport::BYTES <= buffer_.size() && at < end; ++count) {
        const auto report = sanitizer_->reports().read(at);
        if (!report || report->index >= end)
            return {count, count * spec::SanitizerReport::BYTES, true};
        std::ranges::copy(spec::packed(*report), buffer_.begin() + static_cast<std::ptrdiff_t>(count * report->BYTES));
        at = report->index + 1;
    }
    return {count, count * spec::SanitizerReport::BYTES, at >= end};
}

RecorderCommands::Piece RecorderCommands::history(const Registers &regs) {
    const auto all = book_.history(regs.count, regs.first, recorder_.now_ns(), spec::BLAME_HISTORY);
    auto to = buffer_.begin();
    for (const spec::BlameRecord &blame : all)
        to = std::ranges::copy(spec::packed(blame), to).out;
    return {all.size(), all.size() * spec::BlameRecord::BYTES, true};
}

RecorderCommands::Piece RecorderCommands::next(const Registers &regs, std::uint64_t &at, std::uint64_t end) {
    const auto op = static_cast<spec::RecOp>(regs.op);
    if (op == spec::RecOp::DUMP) {
        const std::size_t count = recorder_.read(at, end, buffer_);
        return {count, count * Recorder::BYTES, count < CHUNK_RECORDS};
    }
    if (op == spec::RecOp::REPORTS)
        return next_reports(at, end);
    if (op == spec::RecOp::FORGET_REPORTS) {
        sanitizer_->reports().forget();
        return {0, 0, true};
    }
    if (op == spec::RecOp::HISTORY)
        return history(regs);
    const spec::BlameRecord blame = op == spec::RecOp::BLAME ? book_.blame(regs.count, regs.first, recorder_.now_ns())
                                                             : book_.last_fault(regs.count);
    std::ranges::copy(spec::packed(blame), buffer_.begin());
    return {1, spec::BlameRecord::BYTES, true};
}

Step RecorderCommands::step() {
    std::unique_lock lock(mutex_);
    if (!regs_.busy)
        return Step::BLOCKED;
    const std::uint64_t resets = resets_;
    const Registers regs = regs_;
    const std::uint64_t to = regs.addr + written_;
    std::uint64_t at = at_;
    const std::uint64_t end = end_;
    writing_ = true;
    lock.unlock();

    const Piece piece = next(regs, at, end);
    const bool written = piece.bytes == 0 || host_.write(to, std::span(buffer_).first(piece.bytes));

    lock.lock();
    writing_ = false;
    executor_.wake(drained_);
    if (resets != resets_)
        return Step::BLOCKED;
    if (written) {
        regs_.done += static_cast<std::uint32_t>(piece.records);
        written_ += piece.bytes;
    }
    at_ = at;
    if (!written || piece.last)
        finish_locked(!written);
    return regs_.busy ? Step::MORE : Step::BLOCKED;
}

void RecorderCommands::failed() noexcept {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    finish_locked(true);
}

void RecorderCommands::serialize(Archive &archive) {
    archive.number("CMD_ADDR", regs_.addr);
    archive.number("CMD_FIRST", regs_.first);
    archive.number("CMD_COUNT", regs_.count);
    archive.number("CMD", regs_.op);
    archive.number("CMD_DONE", regs_.done);
    archive.flag("command busy", regs_.busy);
    archive.flag("command error", regs_.error);
    archive.require(!regs_.busy || valid_locked(), "command busy", "is set, but the command is none");
    archive.number("next record", at_);
    archive.number("end of records", end_);
    if (archive.loading())
        written_ = std::uint64_t{regs_.done} * Recorder::BYTES; // only a DUMP takes more than a step
}

} // namespace neuron::chip
