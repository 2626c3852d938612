// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"
#include "../host.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace neuron::chip {

/// The reports of the sanitizer: each cause once, and so many at most. As a unit it writes them to the host's log. Any
/// thread; whoever reports may hold locks of the chip.
class Reports final : public Unit {
public:
    /// `executor`: nullptr if they go to the log with write_all() only.
    Reports(const Host &host, Executor *executor) : Unit(Priority::CONTROL), host_(host), executor_(executor) {}

    /// Keeps the report, which lacks its index and text, unless its cause is known; then that is counted.
    void add(spec::SanitizerReport report, const spec::BlameRecord &found = {});

    /// The number of the next report.
    std::uint64_t next() const;
    /// Those for which there was no room.
    std::uint64_t lost() const;
    /// Report `index`, or the first one after it that is there.
    std::optional<spec::SanitizerReport> read(std::uint64_t index) const;
    /// The whole sentence of report `index`.
    std::optional<std::string> text(std::uint64_t index) const;
    /// Numbers go on; causes are reported anew.
    void forget();

    /// To the log at once: nobody runs units any more.
    void write_all() {
        while (step() == Step::MORE) {
        }
    }

    Step step() override;
    void failed() noexcept override {}

private:
    const Host &host_;
    Executor *const executor_;

    mutable std::mutex mutex_; ///< guards all below; innermost
    std::vector<spec::SanitizerReport> kept_;
    std::vector<std::string> texts_; ///< of each, for a report has no room for long ones
    std::uint64_t first_ = 0;        ///< number of kept_[0]
    std::uint64_t lost_ = 0;
    std::uint64_t logged_ = 0; ///< number of the first report that the log has not seen
};

/// What a report says, as a sentence. What it has no room for is in `found`: where in the source the buffer came and went.
std::string sentence(const spec::SanitizerReport &report, const spec::BlameRecord &found);

} // namespace neuron::chip
