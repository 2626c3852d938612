// SPDX-License-Identifier: MIT
#include "reports.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace neuron::chip {

namespace {

/// What makes two reports one. Packets are left out: a loop does the same wrong thing in each of them. So are buffers that
/// leak, for who forgets one forgets many.
auto cause(const spec::SanitizerReport &report) {
    const std::uint64_t buffer = report.kind == spec::SanitizerKind::LEAK ? 0 : report.buffer;
    return std::tuple(report.kind, report.flags, report.ctx, report.queue, report.unit, report.core, report.ring,
                      report.opcode, report.pc, report.relation, buffer);
}

/// Whether somebody is told anyway, or it may be how a program ends.
bool quiet(const spec::SanitizerReport &report) {
    return (report.flags & spec::raw(spec::SanitizerFlag::FAULTED)) != 0 || report.kind == spec::SanitizerKind::LEAK;
}

} // namespace

void Reports::add(spec::SanitizerReport report, const spec::BlameRecord &found) {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find_if(kept_, [&](const auto &kept) { return cause(kept) == cause(report); });
    if (known != kept_.end()) {
        ++known->repeats;
        return;
    }
    if (kept_.size() == spec::SANITIZER_REPORTS) {
        ++lost_;
        return;
    }
    report.index = first_ + kept_.size();
    std::string text = sentence(report, found);
    std::copy_n(text.begin(), std::min(text.size(), report.text.size() - 1), report.text.begin());
    kept_.push_back(report);
    texts_.push_back(std::move(text));
    if (executor_ != nullptr)
        executor_->wake(*this);
}

std::uint64_t Reports::next() const {
    const std::lock_guard lock(mutex_);
    return first_ + kept_.size();
}

std::uint64_t Reports::lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
}

std::optional<spec::SanitizerReport> Reports::read(std::uint64_t index) const {
    const std::lock_guard lock(mutex_);
    const std::uint64_t place = std::max(index, first_) - first_;
    return place < kept_.size() ? std::optional(kept_[place]) : std::nullopt;
}

std::optional<std::string> Reports::text(std::uint64_t index) const {
    const std::lock_guard lock(mutex_);
    return index >= first_ && index - first_ < texts_.size() ? std::optional(texts_[index - first_]) : std::nullopt;
}

void Reports::forget() {
    const std::lock_guard lock(mutex_);
    first_ += kept_.size();
    kept_.clear();
    texts_.clear();
    lost_ = 0;
}

Step Reports::step() {
    const std::uint64_t at = logged_;
    const auto report = read(at);
    if (!report)
        return Step::BLOCKED;
    logged_ = report->index + 1;
    host_.log(quiet(*report) ? NEURON_CHIP_LOG_INFO : NEURON_CHIP_LOG_WARNING,
              "sanitizer: " + text(report->index).value_or(report->text.data()));
    return Step::MORE;
}

} // namespace neuron::chip
