// SPDX-License-Identifier: MIT
// Which buffer has which addresses, so that a fault can name it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include <neuron/error.hpp>

namespace neuron::detail {

/** The buffers of a context by address, and the last ones that were destroyed. Threading: any thread. */
class AddressMap {
public:
    void add(std::uint64_t va, std::uint64_t size, const std::string &label);
    void remove(std::uint64_t va);

    FaultPlace place_of(std::uint64_t va) const;
    /** Adds the place to a fault that has an address. */
    void locate(FaultInfo &fault) const;

private:
    static constexpr std::size_t remembered = 64; // of destroyed buffers

    mutable std::mutex lock_; // protects all below
    std::map<std::uint64_t, BufferPlace> live_;
    std::deque<BufferPlace> gone_; // newest first
};

/** Whether the record of such a fault holds an address. */
bool has_address(const FaultInfo &fault);

} // namespace neuron::detail
