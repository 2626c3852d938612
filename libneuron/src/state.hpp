// SPDX-License-Identifier: MIT
// What the public handles point at.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "address_map.hpp"
#include "backend.hpp"
#include "trace_marker.hpp"

namespace neuron::detail {

/** Adds the time from construction to destruction to a counter, and shows it as a span of that name in a trace. */
class Stopwatch {
public:
    Stopwatch(std::atomic<std::uint64_t> &total, const char *name) : span_(name), total_(total), start_(Clock::now()) {}
    ~Stopwatch() {
        const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_);
        total_.fetch_add(static_cast<std::uint64_t>(passed.count()), std::memory_order_relaxed);
    }
    Stopwatch(const Stopwatch &) = delete;
    Stopwatch &operator=(const Stopwatch &) = delete;

private:
    TraceSpan span_;
    std::atomic<std::uint64_t> &total_;
    Clock::time_point start_;
};

/** Stats, countable from several threads. Relaxed: nothing is ordered by them. */
struct Counters {
    using Counter = std::atomic<std::uint64_t>;
    Counter bytes_written{0}, bytes_read{0};
    Counter jobs{0}, packets{0}, submit_calls{0}, wait_calls{0}, faults{0};
    Counter write_ns{0}, read_ns{0}, submit_ns{0}, wait_ns{0}, map_ns{0};
};

/** The queues of a context: one that was stopped because of another tells by what. Threading: any thread. */
class QueuePorts {
public:
    void add(std::weak_ptr<QueuePort> port);
    /** A queue that is still there and has a fault, with it. */
    std::optional<std::pair<std::shared_ptr<QueuePort>, FaultInfo>> faulted() const;

private:
    mutable std::mutex lock_; // protects ports_
    std::vector<std::weak_ptr<QueuePort>> ports_;
};

struct ContextState {
    std::shared_ptr<DeviceBackend> device; // outlives the context
    std::unique_ptr<ContextBackend> backend;
    Counters counters;
    std::shared_ptr<AddressMap> addresses = std::make_shared<AddressMap>(); // events outlive the context
    QueuePorts queues;
};

struct BufferState {
    BufferState(std::shared_ptr<ContextState> owner, BoInfo bo, const BufferOptions &wanted)
        : context(std::move(owner)), info(bo), options(wanted) {}
    ~BufferState();
    BufferState(const BufferState &) = delete;
    BufferState &operator=(const BufferState &) = delete;

    std::shared_ptr<ContextState> context;
    BoInfo info;
    BufferOptions options;
    std::uint64_t va = 0; // 0: not bound
    CallSite destroyer;   // who destroys it

    std::mutex lock; // protects mapping
    std::span<std::byte> mapping;
};

} // namespace neuron::detail
