// SPDX-License-Identifier: MIT
// What the tests of the chip share: a host with bounded memory, a small driver, page tables, programs.
#ifndef NEURON_TESTS_CHIP_SUPPORT_HPP
#define NEURON_TESTS_CHIP_SUPPORT_HPP

#include "neuron_chip.h"

#include <neuron/spec.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}

namespace chip_test {

namespace spec = neuron::spec;
namespace reg = neuron::spec::reg;
namespace field = neuron::spec::field;

using Bytes = std::vector<std::byte>;

inline constexpr std::uint64_t MiB = 1ULL << 20;
inline constexpr std::uint64_t PAGE = spec::PAGE_SIZE;
inline constexpr std::uint64_t LARGE_PAGE = 1ULL << spec::MMU_LARGE_PAGE_SHIFT;

/// Host memory with an end, and everything that the chip asked of it. Any thread.
class FakeHost {
public:
    static constexpr std::uint64_t BASE = 0x4000'0000;
    static constexpr std::uint64_t SIZE = 48 * MiB;

    std::byte *at(std::uint64_t bus, std::uint64_t bytes = 1) {
        if (bus < BASE || bus - BASE > SIZE || bytes > SIZE - (bus - BASE))
            throw std::logic_error("a test left host memory");
        return memory_.get() + (bus - BASE);
    }
    /// Fresh zeroed memory.
    std::uint64_t alloc(std::uint64_t bytes, std::uint64_t align = PAGE) {
        next_ = (next_ + align - 1) / align * align;
        const std::uint64_t bus = BASE + next_;
        next_ += bytes;
        at(bus, bytes);
        return bus;
    }
    std::uint64_t u64(std::uint64_t bus) {
        return std::atomic_ref(*reinterpret_cast<std::uint64_t *>(at(bus, 8))).load(std::memory_order_acquire);
    }
    void set_u64(std::uint64_t bus, std::uint64_t value) { std::memcpy(at(bus, 8), &value, 8); }

    unsigned irqs(std::uint32_t vector) const { return irqs_[vector].load(); }
    /// Calls of the chip in order, when `tracing`.
    std::vector<std::string> trace() {
        const std::lock_guard lock(mutex_);
        return trace_;
    }

    /// What fault plans asked of the PCIe function, with its argument.
    std::vector<std::pair<std::uint32_t, std::uint64_t>> function_faults() {
        const std::lock_guard lock(mutex_);
        return function_faults_;
    }

    /// Called before a transfer; set while the chip is at rest.
    std::function<void(std::uint64_t bus, std::size_t bytes, bool write)> on_dma;
    /// Called after a read, with what the chip gets, which may be changed.
    std::function<void(const std::byte *from, std::span<std::byte> bytes)> on_read;
    std::function<void(std::uint32_t vector)> on_irq;
    bool tracing = false;
    std::atomic<unsigned> kicks{0};
    std::atomic<std::uint64_t> transfers{0};
    std::atomic<std::size_t> largest{0};

    static neuron_chip_host_ops ops() {
        return {.size = sizeof(neuron_chip_host_ops),
                .dma_read =
                    [](void *opaque, std::uint64_t addr, void *buf, std::size_t len) {
                        return static_cast<FakeHost *>(opaque)->transfer(addr, buf, nullptr, len);
                    },
                .dma_write =
                    [](void *opaque, std::uint64_t addr, const void *buf, std::size_t len) {
                        return static_cast<FakeHost *>(opaque)->transfer(addr, nullptr, buf, len);
                    },
                .raise_irq = [](void *opaque, std::uint32_t vector) { static_cast<FakeHost *>(opaque)->irq(vector); },
                .kick = [](void *opaque) { ++static_cast<FakeHost *>(opaque)->kicks; },
                .log = nullptr,
                .function_fault =
                    [](void *opaque, std::uint32_t action, std::uint64_t argument) {
                        auto &host = *static_cast<FakeHost *>(opaque);
                        const std::lock_guard lock(host.mutex_);
                        host.function_faults_.emplace_back(action, argument);
                    }};
    }

private:
    int transfer(std::uint64_t addr, void *to, const void *from, std::size_t len) {
        note((from != nullptr ? "w " : "r ") + std::to_string(addr) + " " + std::to_string(len));
        ++transfers;
        for (std::size_t seen = largest; seen < len && !largest.compare_exchange_weak(seen, len);) {
        }
        if (on_dma)
            on_dma(addr, len, from != nullptr);
        if (addr < BASE || addr - BASE > SIZE || len > SIZE - (addr - BASE))
            return -EFAULT;
        std::byte *place = memory_.get() + (addr - BASE);
        if (len == 8 && addr % 8 == 0 && from != nullptr) {
            // As a CPU would see it: tests poll such words.
            std::uint64_t value = 0;
            std::memcpy(&value, from, 8);
            std::atomic_ref(*reinterpret_cast<std::uint64_t *>(place)).store(value, std::memory_order_release);
        } else if (from != nullptr) {
            std::memcpy(place, from, len);
        } else {
            std::memcpy(to, place, len);
            if (on_read)
                on_read(place, {static_cast<std::byte *>(to), len});
        }
        return 0;
    }
    void irq(std::uint32_t vector) {
        note("i " + std::to_string(vector));
        if (on_irq)
            on_irq(vector);
        ++irqs_.at(vector);
    }
    void note(std::string line) {
        if (!tracing)
            return;
        const std::lock_guard lock(mutex_);
        trace_.push_back(std::move(line));
    }

    /// Zero, and taken from the system page by page: most tests touch little of it.
    std::unique_ptr<std::byte, decltype(&std::free)> memory_{static_cast<std::byte *>(std::calloc(SIZE, 1)), std::free};
    std::uint64_t next_ = 0;
    std::array<std::atomic<unsigned>, spec::MSIX_VECTORS> irqs_{};
    std::mutex mutex_;
    std::vector<std::string> trace_;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> function_faults_;
};

struct Mode {
    bool stepped = false;
    std::uint64_t seed = 1;
    std::uint32_t threads = 3;
    std::uint32_t cores = 2;
    std::uint64_t hbm_bytes = 64 * MiB;
    const char *profile = nullptr;      ///< of the chip; nullptr: the default
    const char *simd = nullptr;         ///< of the chip
    bool hazards = false;               ///< of the chip
    std::uint32_t recorder_records = 0; ///< of the chip; 0: the default
    bool sanitizer = false;             ///< of the chip
    bool tape = false;                  ///< the first chip is recorded, in Machine::tape
    bool unwatched = false;             ///< it must not have the sanitizer, whatever the environment says
};
/// For whom what the sanitizer does to rings, packets that are done are overwritten, is an access too many.
inline Mode unwatched(Mode mode) {
    mode.unwatched = true;
    return mode;
}
/// For programs that save chips, or look at what those were told, which the sanitizer rules out. First thing in main().
inline void without_sanitizer() { ::unsetenv("NEURON_SANITIZER"); }

inline const Mode THREADED{};
inline const Mode STEPPED{.stepped = true};

/// Polls until `done`; false after ten seconds.
inline bool eventually(const std::function<bool()> &done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
}

/// A chip in its host.
class Machine {
public:
    static constexpr std::uint32_t EVENT_LOG2 = 4;

    explicit Machine(const Mode &mode = THREADED) : mode_(mode) {
        if (mode_.stepped && wants_tape())
            mode_.tape = replays_ = true;
        chip = make_chip(mode_);
        take_aperture();
        events_ = host.alloc(spec::EventRecord::BYTES << EVENT_LOG2);
        start_events();
    }
    /// Another chip in the same host.
    neuron_chip *make_chip(const Mode &mode) {
        neuron_chip_config config{};
        config.size = sizeof config;
        config.abi_major = NEURON_CHIP_ABI_MAJOR;
        config.profile = mode.profile;
        config.hbm_bytes = mode.hbm_bytes;
        config.aperture_bytes = 32 * MiB;
        config.cores = mode.cores;
        config.threads = mode.threads;
        config.stepped = mode.stepped;
        config.seed = mode.seed;
        config.simd = mode.simd;
        config.hazards = mode.hazards;
        config.recorder_records = mode.recorder_records;
        config.sanitizer = mode.sanitizer || watches(mode);
        if (mode.tape && tape.empty()) {
            config.tape = append;
            config.tape_opaque = &tape;
        }
        const neuron_chip_host_ops ops = FakeHost::ops();
        char error[256];
        neuron_chip *made = nullptr;
        if (neuron_chip_create(&config, &ops, &host, &made, error, sizeof error) != 0)
            throw std::runtime_error(error);
        return made;
    }
    /// That chip instead of the present one, which ends.
    void replace_chip(neuron_chip *other) {
        neuron_chip_destroy(chip);
        chip = other;
        take_aperture();
    }
    ~Machine() {
        end();
        if (replays_)
            replay_or_abort();
    }
    /// The chip's end before the machine's, for who wants all of its tape.
    void end() {
        if (chip != nullptr && !mode_.sanitizer && watches(mode_))
            refuse_reports();
        neuron_chip_destroy(chip);
        chip = nullptr;
    }
    /// The test errs on purpose: the sanitizer, if there is one, must report this.
    void expects(spec::SanitizerKind kind) { expected_.insert(kind); }
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    void start_events() {
        w64(reg::GLOBAL_EVENT_RING_BASE, events_);
        w32(reg::GLOBAL_EVENT_RING_LOG2, EVENT_LOG2);
    }

    std::uint32_t r32(std::uint64_t offset) {
        return static_cast<std::uint32_t>(neuron_chip_reg_read(chip, offset, 4));
    }
    std::uint64_t r64(std::uint64_t offset) { return neuron_chip_reg_read(chip, offset, 8); }
    void w32(std::uint64_t offset, std::uint32_t value) { neuron_chip_reg_write(chip, offset, value, 4); }
    void w64(std::uint64_t offset, std::uint64_t value) { neuron_chip_reg_write(chip, offset, value, 8); }
    void doorbell(std::uint32_t ctx, std::uint32_t slot, std::uint32_t value) {
        neuron_chip_doorbell_write(chip, spec::doorbell(ctx, slot), value, 4);
    }
    std::uint32_t bad() { return r32(reg::GLOBAL_BAD_REGISTER); }

    /// Until nothing is left to do.
    void settle() {
        if (mode_.stepped) {
            while (neuron_chip_run(chip, 1000) == 1000) {
            }
        } else {
            neuron_chip_quiesce(chip);
        }
    }

    std::byte *hbm(std::uint64_t offset) { return aperture_ + offset; }

    std::uint32_t event_count() { return r32(reg::GLOBAL_EVENT_TAIL); }
    spec::EventRecord event(std::uint32_t index) {
        const std::uint64_t slot = index % (1U << EVENT_LOG2);
        const std::byte *raw = host.at(events_ + slot * spec::EventRecord::BYTES, 64);
        return spec::unpack<spec::EventRecord>(std::span<const std::byte, 64>(raw, 64));
    }

    spec::QueueState state(std::uint32_t queue) {
        return static_cast<spec::QueueState>(field::QUEUE_STATUS_STATE.get(r32(reg::QUEUE_STATUS(queue))));
    }
    bool busy(std::uint32_t queue) { return (r32(reg::QUEUE_STATUS(queue)) & field::QUEUE_STATUS_BUSY.mask) != 0; }
    spec::Fault fault(std::uint32_t queue) {
        return static_cast<spec::Fault>(field::QUEUE_STATUS_FAULT.get(r32(reg::QUEUE_STATUS(queue))));
    }
    bool context_busy(std::uint32_t ctx) { return (r32(reg::CTX_STATUS(ctx)) & field::CTX_STATUS_BUSY.mask) != 0; }
    bool ready() { return (r32(reg::GLOBAL_STATUS) & field::GLOBAL_STATUS_READY.mask) != 0; }

    FakeHost host;
    neuron_chip *chip = nullptr;
    Bytes tape; ///< what was recorded; has its end once the chip is gone

private:
    // NEURON_TAPE=1 in the environment: every stepped test is recorded, and must replay with the same results.
    static bool wants_tape() {
        const char *const wish = std::getenv("NEURON_TAPE");
        return wish != nullptr && std::strcmp(wish, "0") != 0;
    }
    static int append(void *opaque, const void *data, std::size_t size) {
        auto &to = *static_cast<Bytes *>(opaque);
        const auto *bytes = static_cast<const std::byte *>(data);
        to.insert(to.end(), bytes, bytes + size);
        return 0;
    }
    void replay_or_abort() {
        neuron_chip_replay_result result{};
        result.size = sizeof result;
        std::array<char, 512> error{};
        if (neuron_chip_replay(tape.data(), tape.size(), nullptr, &result, error.data(), error.size()) == 0 &&
            result.complete)
            return;
        std::fprintf(stderr, "replay: %s\n", error.data());
        std::abort();
    }
    // NEURON_SANITIZER=1 in the environment: every test runs with the sanitizer, and must give it no reason to report.
    static bool wants_sanitizer() {
        const char *const wish = std::getenv("NEURON_SANITIZER");
        return wish != nullptr && std::strcmp(wish, "0") != 0;
    }
    static bool watches(const Mode &mode) { return wants_sanitizer() && !mode.unwatched && mode.recorder_records == 0; }
    void refuse_reports() {
        std::array<std::byte, spec::SanitizerReport::BYTES> raw;
        std::set<spec::SanitizerKind> found;
        for (std::uint64_t first = 0; neuron_chip_read_reports(chip, &first, raw.data(), raw.size()) != 0;) {
            const auto report = spec::unpack<spec::SanitizerReport>(raw);
            found.insert(report.kind);
            if ((report.flags & spec::raw(spec::SanitizerFlag::FAULTED)) != 0 || expected_.contains(report.kind))
                continue;
            std::fprintf(stderr, "sanitizer: %s\n", report.text.data());
            std::abort();
        }
        for (const spec::SanitizerKind kind : expected_)
            if (!found.contains(kind)) {
                std::fprintf(stderr, "sanitizer: no report of %s\n", std::string(spec::name(kind)).c_str());
                std::abort();
            }
    }
    void take_aperture() {
        std::uint64_t bytes = 0;
        aperture_ = static_cast<std::byte *>(neuron_chip_aperture(chip, &bytes));
    }

    Mode mode_;
    bool replays_ = false;
    std::set<spec::SanitizerKind> expected_;
    std::byte *aperture_ = nullptr;
    std::uint64_t events_ = 0;
};

/// A context with page tables in host memory or in HBM.
class Context {
public:
    /// Where HBM tables are taken from: the upper half of the aperture.
    static constexpr std::uint64_t HBM_TABLES = 16 * MiB;

    Context(Machine &machine, std::uint32_t index, bool tables_in_hbm = false)
        : machine_(machine),
          index_(index),
          in_hbm_(tables_in_hbm),
          next_table_(HBM_TABLES + index * MiB),
          root_(new_table()) {
        enable();
    }

    std::uint32_t index() const { return index_; }
    void enable() {
        machine_.w64(reg::CTX_PT_ROOT(index_), root_ & ~field::PTE_VALID.mask);
        machine_.w32(reg::CTX_CTRL(index_), field::CTX_CTRL_ENABLE.mask);
    }
    void disable() { machine_.w32(reg::CTX_CTRL(index_), 0); }
    void flush() { machine_.w32(reg::CTX_TLB_FLUSH(index_), field::CTX_TLB_FLUSH_FLUSH.mask); }
    bool flushing() { return machine_.r32(reg::CTX_TLB_FLUSHING(index_)) != 0; }

    /// Sets the entry that translates `va` at `level`, making the tables above it.
    void set_entry(std::uint64_t va, unsigned level, std::uint64_t pte) {
        std::uint64_t table = root_;
        for (unsigned l = spec::MMU_LEVELS - 1; l > level; --l) {
            std::byte *entry = entry_at(table, va, l);
            std::uint64_t next = 0;
            std::memcpy(&next, entry, 8);
            if (next == 0) {
                next = new_table();
                std::memcpy(entry, &next, 8);
            }
            table = next;
        }
        std::memcpy(entry_at(table, va, level), &pte, 8);
    }

    static constexpr std::uint64_t HBM = field::PTE_HBM.mask;
    static constexpr std::uint64_t WRITE = field::PTE_WRITE.mask;

    void map(std::uint64_t va, std::uint64_t phys, std::uint64_t bytes, std::uint64_t flags) {
        for (std::uint64_t at = 0; at < bytes; at += PAGE)
            set_entry(va + at, 0, (phys + at) | flags | field::PTE_VALID.mask);
    }
    void map_large(std::uint64_t va, std::uint64_t phys, std::uint64_t flags) {
        set_entry(va, 1, phys | flags | field::PTE_VALID.mask | field::PTE_LARGE.mask);
    }
    void unmap(std::uint64_t va) { set_entry(va, 0, 0); }

    /// Maps fresh host memory; returns its bus address.
    std::uint64_t map_host(std::uint64_t va, std::uint64_t bytes, std::uint64_t flags = WRITE) {
        const std::uint64_t bus = machine_.host.alloc((bytes + PAGE - 1) / PAGE * PAGE);
        map(va, bus, bytes, flags);
        return bus;
    }
    /// Entry of the table itself (VALID set), for tests that point a table somewhere odd.
    std::uint64_t root() const { return root_; }

private:
    std::uint64_t new_table() {
        if (!in_hbm_)
            return machine_.host.alloc(PAGE) | field::PTE_VALID.mask;
        const std::uint64_t at = next_table_;
        next_table_ += PAGE;
        return at | HBM | field::PTE_VALID.mask;
    }
    std::byte *entry_at(std::uint64_t table, std::uint64_t va, unsigned level) {
        const std::uint64_t shift = spec::MMU_PAGE_SHIFT + level * spec::MMU_INDEX_BITS;
        const std::uint64_t index = va >> shift & ((1U << spec::MMU_INDEX_BITS) - 1);
        const std::uint64_t at = (table & field::PTE_ADDR.mask) + index * 8;
        return (table & HBM) != 0 ? machine_.hbm(at) : machine_.host.at(at, 8);
    }

    Machine &machine_;
    std::uint32_t index_;
    bool in_hbm_;
    std::uint64_t next_table_;
    std::uint64_t root_;
};

struct QueueOptions {
    std::uint32_t log2 = 4;
    std::uint32_t vector = 1;
    std::uint64_t ring_va = 0;
    std::uint64_t ring_bus = 0;
    bool doorbell_register = false;
    spec::QueuePriority priority = spec::QueuePriority::NORMAL;
    std::uint64_t stamp_addr = 0; ///< bus or context address, as the ring's
};

/// A kernel-mode queue, unless `ring_va` says where the context has mapped `ring_bus`.
class TestQueue {
public:
    TestQueue(Machine &machine, std::uint32_t index, std::uint32_t ctx, const QueueOptions &options = {})
        : machine_(machine), index_(index), ctx_(ctx), log2_(options.log2), by_register_(options.doorbell_register) {
        const std::uint64_t ring_bytes = std::uint64_t{spec::PACKET_BYTES} << log2_;
        ring_ = options.ring_va != 0 ? options.ring_bus : machine.host.alloc(ring_bytes + 8);
        seqno_ = ring_ + ring_bytes;
        const std::uint64_t base = options.ring_va != 0 ? options.ring_va : ring_;
        machine.w64(reg::QUEUE_RING_BASE(index), base);
        machine.w64(reg::QUEUE_SEQNO_ADDR(index), base + ring_bytes);
        machine.w32(reg::QUEUE_RING_LOG2(index), log2_);
        machine.w32(reg::QUEUE_CFG(index), field::QUEUE_CFG_CTX.set(ctx) | field::QUEUE_CFG_VECTOR.set(options.vector) |
                                               field::QUEUE_CFG_SLOT.set(by_register_ ? 0 : index) |
                                               field::QUEUE_CFG_RING_VA.set(options.ring_va != 0) |
                                               field::QUEUE_CFG_PRIORITY.set(spec::raw(options.priority)) |
                                               field::QUEUE_CFG_DB_REG.set(by_register_));
        machine.w64(reg::QUEUE_STAMP_ADDR(index), options.stamp_addr);
        enable();
    }

    std::uint32_t index() const { return index_; }
    void enable() {
        tail_ = 0;
        machine_.w32(reg::QUEUE_CTRL(index_), field::QUEUE_CTRL_ENABLE.mask);
    }
    void disable() { machine_.w32(reg::QUEUE_CTRL(index_), 0); }

    void push_raw(std::span<const std::byte, spec::PACKET_BYTES> raw) {
        std::memcpy(machine_.host.at(slot(tail_++), spec::PACKET_BYTES), raw.data(), raw.size());
    }
    template<class Packet>
    void push(Packet packet) {
        packet.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
        push_raw(spec::packed(packet));
    }
    template<class Packet>
    void push_unflagged(const Packet &packet) {
        push_raw(spec::packed(packet));
    }
    void ring() {
        if (by_register_)
            machine_.w32(reg::QUEUE_DOORBELL(index_), static_cast<std::uint32_t>(tail_));
        else
            machine_.doorbell(ctx_, index_, static_cast<std::uint32_t>(tail_));
    }
    template<class Packet>
    void submit(const Packet &packet) {
        push(packet);
        ring();
    }
    /// Submits, waits, and returns the fault that stopped the queue, if any; otherwise all packets have retired.
    template<class Packet>
    spec::Fault run(const Packet &packet) {
        submit(packet);
        machine_.settle();
        const spec::Fault fault = machine_.fault(index_);
        if (fault == spec::Fault::NONE && head() != tail_)
            fail_msg("queue %u hangs", index_);
        return fault;
    }

    std::uint64_t slot(std::uint64_t packet) const { return ring_ + packet % (1ULL << log2_) * spec::PACKET_BYTES; }
    std::uint64_t tail() const { return tail_; }
    std::uint64_t seqno() { return machine_.host.u64(seqno_); }
    std::uint64_t seqno_bus() const { return seqno_; }
    std::uint64_t head() { return machine_.r64(reg::QUEUE_HEAD(index_)); }
    spec::QueueState state() { return machine_.state(index_); }
    bool busy() { return machine_.busy(index_); }

private:
    Machine &machine_;
    std::uint32_t index_;
    std::uint32_t ctx_;
    std::uint32_t log2_;
    bool by_register_;
    std::uint64_t ring_;
    std::uint64_t seqno_;
    std::uint64_t tail_ = 0;
};

/// A program under construction, laid out in one piece of host memory.
class Program {
public:
    template<class Insn>
    Program &add(spec::Engine engine, const Insn &insn) {
        const auto raw = spec::packed(insn);
        return add_raw(engine, raw);
    }
    Program &add_raw(spec::Engine engine, std::span<const std::byte, 128> raw) {
        auto &stream = streams_[spec::raw(engine)];
        stream.insert(stream.end(), raw.begin(), raw.end());
        return *this;
    }
    std::uint64_t bytes() const {
        std::uint64_t total = spec::ProgramHeader::BYTES;
        for (const auto &stream : streams_)
            total += stream.size();
        return total;
    }
    spec::ProgramHeader header(std::uint64_t va) const {
        spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
        std::uint64_t at = va + spec::ProgramHeader::BYTES;
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            header.streams[i] = {.addr = at, .count = static_cast<std::uint32_t>(streams_[i].size() / 128)};
            at += streams_[i].size();
        }
        return header;
    }
    /// Writes the program to `to`, which the context sees at `va`.
    void write(std::byte *to, std::uint64_t va) const {
        const auto raw = spec::packed(header(va));
        to = std::copy(raw.begin(), raw.end(), to);
        for (const auto &stream : streams_)
            to = std::copy(stream.begin(), stream.end(), to);
    }

private:
    std::array<Bytes, 5> streams_;
};

inline Bytes random_bytes(std::size_t size, std::uint32_t seed) {
    std::mt19937 random(seed);
    Bytes bytes(size);
    for (std::byte &b : bytes)
        b = static_cast<std::byte>(random());
    return bytes;
}

inline bool same(const std::byte *at, std::span<const std::byte> expected) {
    return std::memcmp(at, expected.data(), expected.size()) == 0;
}

inline const Mode &mode_of(void **state) { return *static_cast<const Mode *>(*state); }

} // namespace chip_test

// An entry of a CMUnitTest table for a test that takes a mode.
#define ONLY_THREADED(test)                                                                                            \
    { #test, test, nullptr, nullptr, const_cast < chip_test::Mode *>(&chip_test::THREADED) }

// One entry of a CMUnitTest table for each way to run the chip.
#define IN_BOTH_MODES(test)                                                                                            \
    {#test " (threaded)", test, nullptr, nullptr, const_cast<chip_test::Mode *>(&chip_test::THREADED)}, {              \
#test " (stepped)", test, nullptr, nullptr, const_cast < chip_test::Mode *>(&chip_test::STEPPED)               \
    }

#endif // NEURON_TESTS_CHIP_SUPPORT_HPP
