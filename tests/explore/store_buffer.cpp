// SPDX-License-Identifier: MIT
#include "store_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace explore_test {

namespace {

StoreBuffer *current = nullptr;

} // namespace

StoreBuffer::StoreBuffer(std::uint64_t seed, std::span<std::byte> memory, std::function<void()> preempt)
    : random_(seed), memory_(memory), preempt_(std::move(preempt)), rate_(std::uint64_t{4} << random_() % 12) {
    current = this;
}

StoreBuffer::~StoreBuffer() { current = nullptr; }

void StoreBuffer::map_register(std::byte *at, std::function<void(std::uint32_t)> write) {
    register_ = at;
    write_register_ = std::move(write);
}

void StoreBuffer::show(const std::byte *from, std::span<std::byte> bytes) const {
    // The oldest store to a byte says what was there when nobody had seen any of them.
    for (auto store = stores_.rbegin(); store != stores_.rend(); ++store)
        for (std::size_t i = 0; i < store->bytes; ++i)
            if (const std::byte *at = store->at + i; at >= from && at < from + bytes.size())
                bytes[static_cast<std::size_t>(at - from)] = store->old[i];
}

void StoreBuffer::before_store(const void *at, std::size_t bytes) {
    if (busy_)
        return;
    settle();
    const auto *first = static_cast<const std::byte *>(at);
    if (first == register_) {
        register_written_ = true;
        return;
    }
    if (first < memory_.data() || first >= memory_.data() + memory_.size())
        return;
    for (std::size_t done = 0; done < bytes; done += WORD) {
        Store store{.at = first + done, .bytes = std::min(WORD, bytes - done), .old = {}};
        std::copy_n(store.at, store.bytes, store.old.begin());
        stores_.push_back(store);
    }
    drain();
    busy_ = true;
    preempt_();
    busy_ = false;
}

void StoreBuffer::barrier(bool full) {
    if (busy_)
        return;
    settle();
    ++barriers_;
    if (ignores_barriers || (full && ignores_full_barriers))
        return;
    if (full)
        stores_.clear();
    else
        std::erase_if(stores_, [this](const Store &store) { return !combines(store); });
}

bool StoreBuffer::combines(const Store &store) const {
    return store.at >= combining_.data() && store.at < combining_.data() + combining_.size();
}

void StoreBuffer::settle() {
    if (!register_written_ || busy_)
        return;
    register_written_ = false;
    std::uint32_t value = 0;
    std::memcpy(&value, register_, sizeof value);
    busy_ = true;
    write_register_(value);
    busy_ = false;
}

void StoreBuffer::release(std::size_t index) {
    const Store store = stores_[index];
    const auto overlaps = [&](const Store &older) {
        return older.at < store.at + store.bytes && store.at < older.at + older.bytes;
    };
    const auto end = stores_.begin() + static_cast<std::ptrdiff_t>(index) + 1;
    stores_.erase(std::remove_if(stores_.begin(), end, overlaps), end);
}

void StoreBuffer::drain() {
    for (std::size_t i = stores_.size(); i-- > 0;)
        if (random_() % rate_ == 0 && i < stores_.size())
            release(i);
}

} // namespace explore_test

// ---- the hooks of -fsanitize=thread, as far as the code under test needs them ------------------------------------------------

using explore_test::current;

namespace {

void before_store(const void *at, std::size_t bytes) {
    if (current != nullptr)
        current->before_store(at, bytes);
}

} // namespace

extern "C" {

// See instrument.h.
void *explore_memcpy(void *to, const void *from, std::size_t bytes) {
    before_store(to, bytes);
    return std::memcpy(to, from, bytes);
}

void __tsan_init(void) {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit(void) {
    if (current != nullptr)
        current->settle();
}
void __tsan_read1(void *) {}
void __tsan_read2(void *) {}
void __tsan_read4(void *) {}
void __tsan_read8(void *) {}
void __tsan_read16(void *) {}
void __tsan_read_range(void *, unsigned long) {}
void __tsan_write1(void *at) { before_store(at, 1); }
void __tsan_write2(void *at) { before_store(at, 2); }
void __tsan_write4(void *at) { before_store(at, 4); }
void __tsan_write8(void *at) { before_store(at, 8); }
void __tsan_write16(void *at) { before_store(at, 16); }
void __tsan_write_range(void *at, unsigned long bytes) { before_store(at, bytes); }

void __tsan_atomic_thread_fence(int order) {
    if (current != nullptr && order != __ATOMIC_RELAXED && order != __ATOMIC_ACQUIRE && order != __ATOMIC_CONSUME)
        current->barrier(order == __ATOMIC_SEQ_CST);
}

} // extern "C"
