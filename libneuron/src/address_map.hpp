// SPDX-License-Identifier: MIT
// Which buffer has which addresses, so that a fault can name it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <neuron/error.hpp>
#include <neuron/source_place.hpp>

#include "call_site.hpp"

namespace neuron::detail {

/** The buffers of a context by address, and the last ones that were destroyed. Threading: any thread. */
class AddressMap {
public:
    void add(BufferPlace buffer);
    /** @p by destroys it. */
    void remove(std::uint64_t va, const CallSite &by);

    FaultPlace place_of(std::uint64_t va) const;
    /** Adds the place to a fault that has an address. */
    void locate(FaultInfo &fault) const;

private:
    struct Gone {
        BufferPlace buffer;
        std::chrono::steady_clock::time_point when;
        CallSite by;
    };
    static constexpr std::size_t remembered = 64; // of destroyed buffers

    FaultPlace look_up(std::uint64_t va, std::optional<CallSite> &gone_by) const;

    mutable std::mutex lock_; // protects all below
    std::map<std::uint64_t, BufferPlace> live_;
    std::deque<Gone> gone_; // newest first
};

/** "; the job was submitted at foo.cc:88"; "" for an empty place. */
std::string submitted_text(const std::string &place);

/** "foo.cc:88"; "" if nobody knows. */
std::string code_place(SourcePlace where);

/** Whether the record of such a fault holds an address. */
bool has_address(const FaultInfo &fault);

} // namespace neuron::detail
