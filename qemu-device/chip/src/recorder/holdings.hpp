// SPDX-License-Identifier: MIT
// Who holds a kind of memory that is everybody's: HBM, or what the bus shows of the host.
#pragma once

#include "../state/archive.hpp"

#include <neuron/spec.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <vector>

namespace neuron::chip {

/// Ranges that a driver has given to buffers, and such that it has taken back. Bounded, whatever it is told. Not for
/// several threads at a time.
class Holdings {
public:
    /// Ranges that are held, and such that are not any more. What is more is forgotten, the oldest first.
    static constexpr std::size_t MAX_LIVE = 4096;
    static constexpr std::size_t MAX_PAST = 4096;

    /// A range gets a holder. What was there of others is over, though nobody has said so: the driver could not.
    /// False: it makes no sense.
    bool take(const spec::DebugRecord &record, std::uint64_t now_ns);
    /// The holder has one reason less to have it, in all ranges that lie in that of the record.
    void give(const spec::DebugRecord &record, std::uint64_t now_ns);
    /// What a buffer is called and where it was made; texts that are empty change nothing.
    void name(std::uint64_t buffer, std::string_view label, std::string_view place);

    /// Who has `address`, and who had it, newest first; at most `max`. A range that is over is `gone`.
    std::vector<spec::BlameRecord> history(std::uint64_t address, spec::BlameRelation gone, std::size_t max) const;

    void clear();
    void serialize(Archive &archive);

private:
    struct Holding {
        std::uint64_t start = 0;
        std::uint64_t bytes = 0;
        std::uint64_t buffer = 0;
        std::uint32_t times = 1; ///< as often as it was taken and not given
        std::uint32_t pid = 0;   ///< who took it,
        std::uint32_t gone_pid = 0;
        std::uint64_t time_ns = 0; ///< and when
        std::uint64_t gone_ns = 0;
        decltype(spec::BlameRecord::comm) comm{};
        decltype(spec::BlameRecord::label) label{};
        decltype(spec::BlameRecord::place) place{};

        std::uint64_t last() const { return start + (bytes - 1); }
        bool has(std::uint64_t address) const { return address >= start && address - start < bytes; }
        void serialize(Archive &archive);
    };
    using Live = std::map<std::uint64_t, Holding>; ///< by start; they do not overlap

    Live::iterator first_in(std::uint64_t start);
    Live::iterator end_of(Live::iterator at, std::uint32_t pid, std::uint64_t now_ns);

    Live live_;
    std::deque<Holding> past_; ///< oldest first
};

} // namespace neuron::chip
