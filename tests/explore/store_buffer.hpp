// SPDX-License-Identifier: MIT
// A processor whose stores become visible to the device later, and in another order, unless something orders them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace explore_test {

/// Stands between the code under test, which is compiled with the thread sanitizer's instrumentation and linked to the hooks of
/// store_buffer.cpp in its place, and the chip. The code's stores happen at once; the chip is shown the bytes of before until
/// the store has become visible: at the next barrier at the latest, or when the seed says so. Stores to the same bytes stay in order.
/// Stores to memory that is mapped write-combining stay in the processor until a full barrier.
/// While one of these lives, it is the one that hooks go to.
class StoreBuffer {
public:
    /// `memory`: what the chip reads. `preempt`: the chip goes on for a while, in the middle of the code.
    StoreBuffer(std::uint64_t seed, std::span<std::byte> memory, std::function<void()> preempt);
    ~StoreBuffer();
    StoreBuffer(const StoreBuffer &) = delete;
    StoreBuffer &operator=(const StoreBuffer &) = delete;

    /// A word of the device: `write` is called with what is stored there.
    void map_register(std::byte *at, std::function<void(std::uint32_t)> write);
    /// From now on a part of the memory is mapped write-combining.
    void map_combining(std::span<const std::byte> memory) { combining_ = memory; }
    /// As if the barriers had been left out of the code; or the full ones alone, as if they were weaker.
    bool ignores_barriers = false;
    bool ignores_full_barriers = false;
    /// A barrier that is not in the code.
    void publish() { stores_.clear(); }
    std::uint64_t barriers() const { return barriers_; }

    /// What the chip reads at `from`, given what lies there.
    void show(const std::byte *from, std::span<std::byte> bytes) const;

    // ---- for the hooks ----
    void before_store(const void *at, std::size_t bytes);
    void barrier(bool full);
    /// A store to a register has happened by now, if there was one.
    void settle();

private:
    static constexpr std::size_t WORD = 8;
    struct Store {
        const std::byte *at;
        std::size_t bytes;
        std::array<std::byte, WORD> old;
    };
    bool combines(const Store &store) const;
    void drain();
    /// This one becomes visible, and before it the older ones to its bytes.
    void release(std::size_t index);

    std::mt19937_64 random_;
    const std::span<std::byte> memory_;
    const std::function<void()> preempt_;
    std::span<const std::byte> combining_;
    std::byte *register_ = nullptr;
    std::function<void(std::uint32_t)> write_register_;
    bool register_written_ = false;
    bool busy_ = false;  ///< what is stored now is not the code's
    std::uint64_t rate_; ///< one of so many stores becomes visible at a time
    std::uint64_t barriers_ = 0;
    std::vector<Store> stores_; ///< not visible yet, the oldest first
};

} // namespace explore_test
