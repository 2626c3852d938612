// SPDX-License-Identifier: MIT
// Which buffer and which program has which addresses, so that a fault can name it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <neuron/error.hpp>
#include <neuron/source_place.hpp>

#include "call_site.hpp"
#include "loaded_kernel.hpp"

namespace neuron::detail {

/** The buffers of a context by address, and the last ones that were destroyed. Threading: any thread. */
class AddressMap {
public:
    void add(BufferPlace buffer);
    /** @p by destroys it. */
    void remove(std::uint64_t va, const CallSite &by);

    /** A kernel whose program_header is at @p va, for as long as there is the program. */
    void add_program(std::uint64_t va, std::weak_ptr<const LoadedKernel> kernel);

    FaultPlace place_of(std::uint64_t va) const;
    /** Adds the place to a fault that has an address. */
    void locate(FaultInfo &fault) const;
    /** Counts add_program(): what was loaded later is not what a job before has launched. */
    std::uint64_t loads() const noexcept { return loads_.load(std::memory_order_relaxed); }
    /** The kernel that was at @p va after so many loads, if it still is. */
    std::shared_ptr<const LoadedKernel> program_at(std::uint64_t va, std::uint64_t loads) const;

private:
    struct Gone {
        BufferPlace buffer;
        std::chrono::steady_clock::time_point when;
        CallSite by;
    };
    struct Loaded {
        std::weak_ptr<const LoadedKernel> kernel;
        std::uint64_t load = 0;
    };
    static constexpr std::size_t remembered = 64; // of destroyed buffers

    FaultPlace look_up(std::uint64_t va, std::optional<CallSite> &gone_by) const;

    std::atomic<std::uint64_t> loads_{0};

    mutable std::mutex lock_; // protects all below
    std::map<std::uint64_t, BufferPlace> live_;
    std::deque<Gone> gone_; // newest first
    std::map<std::uint64_t, Loaded> programs_;
};

/** "; the job was submitted at foo.cc:88"; "" for an empty place. */
std::string submitted_text(const std::string &place);

/** "foo.cc:88"; "" if nobody knows. */
std::string code_place(SourcePlace where);

/** The other instruction of a hazard: unit, core, ring, pc and line. Nothing for other faults. */
std::optional<FaultInfo> other_access(const FaultInfo &fault);

/** Whether the record of such a fault holds an address. */
bool has_address(const FaultInfo &fault);

} // namespace neuron::detail
