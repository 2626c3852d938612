// SPDX-License-Identifier: MIT
// A chip with a small guest around it, mostly in stepped mode: what the fuzz targets share.
#ifndef NEURON_TESTS_FUZZ_MACHINE_HPP
#define NEURON_TESTS_FUZZ_MACHINE_HPP

#include "guest_memory.hpp"

#include <chrono>
#include <functional>
#include <span>

namespace fuzz {

namespace spec = neuron::spec;
namespace reg = neuron::spec::reg;
namespace field = neuron::spec::field;

struct MachineOptions {
    std::uint8_t profile = 0;  ///< index into spec::profiles(), modulo their number
    std::uint64_t seed = 1;    ///< of the stepped order
    std::uint32_t threads = 0; ///< 0: stepped
    std::uint32_t cores = 2;
    bool hazards = false;
};

class Machine {
public:
    static constexpr std::uint64_t HBM_BYTES = 8 * MiB;
    static constexpr std::uint32_t EVENT_LOG2 = 5;

    explicit Machine(const MachineOptions &options);
    ~Machine();
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    std::uint32_t r32(std::uint64_t offset) {
        return static_cast<std::uint32_t>(neuron_chip_reg_read(chip, offset, sizeof(std::uint32_t)));
    }
    std::uint64_t r64(std::uint64_t offset) { return neuron_chip_reg_read(chip, offset, sizeof(std::uint64_t)); }
    void w32(std::uint64_t offset, std::uint32_t value) {
        neuron_chip_reg_write(chip, offset, value, sizeof(std::uint32_t));
    }
    void w64(std::uint64_t offset, std::uint64_t value) {
        neuron_chip_reg_write(chip, offset, value, sizeof(std::uint64_t));
    }

    /// Points the event ring at its page.
    void start_events();
    std::uint32_t event_count() { return r32(reg::GLOBAL_EVENT_TAIL); }
    spec::EventRecord event(std::uint32_t index);

    /// Runs until `done`, or nothing is left to do, or `steps` are over, or a second is (a few instructions on whole
    /// memories take that long). True when `done` holds. With threads it only waits, a while that is in proportion.
    bool run(std::uint64_t steps, const std::function<bool()> &done);
    /// Runs until nothing is left to do; false if `steps` were not enough. With threads they always are.
    bool settle(std::uint64_t steps);
    /// Resets, and requires that it ends whatever was going on within a bounded number of steps.
    void reset();
    bool ready() { return (r32(reg::GLOBAL_STATUS) & field::GLOBAL_STATUS_READY.mask) != 0; }

    std::byte *hbm(std::uint64_t offset) { return hbm_ + offset; }
    /// Makes any access of the chip to these bytes of HBM a finding, or allows it.
    void forbid_hbm(std::uint64_t offset, std::uint64_t bytes);
    void allow_hbm(std::uint64_t offset, std::uint64_t bytes);

    const spec::ProfileDesc &profile;
    GuestMemory guest;
    neuron_chip *chip = nullptr;

private:
    const bool stepped_;
    std::byte *hbm_ = nullptr;
    std::uint64_t hbm_bytes_ = 0;
    void *guard_ = nullptr; ///< what lies behind HBM, out of bounds for everybody
    std::uint64_t events_ = 0;
};

/// A page table in guest memory or in HBM, and the context that uses it.
class Context {
public:
    static constexpr std::uint64_t HBM = field::PTE_HBM.mask;
    static constexpr std::uint64_t WRITABLE = field::PTE_WRITE.mask;
    static constexpr std::uint64_t VALID = field::PTE_VALID.mask;
    static constexpr std::uint64_t LARGE = field::PTE_LARGE.mask;

    /// Tables lie in guest memory, or in HBM from `hbm_tables` on.
    Context(Machine &machine, std::uint32_t index, std::uint64_t hbm_tables = 0);

    std::uint32_t index() const { return index_; }
    std::uint64_t root() const { return root_; }
    void enable();
    void disable() { machine_.w32(reg::CTX_CTRL(index_), 0); }
    bool busy() { return (machine_.r32(reg::CTX_STATUS(index_)) & field::CTX_STATUS_BUSY.mask) != 0; }

    /// Sets the entry that translates `va` at `level`, making the tables above it.
    void set_entry(std::uint64_t va, unsigned level, std::uint64_t pte);
    void map(std::uint64_t va, std::uint64_t at, std::uint64_t bytes, std::uint64_t flags);
    void map_large(std::uint64_t va, std::uint64_t at, std::uint64_t flags) {
        set_entry(va, 1, at | flags | VALID | LARGE);
    }

private:
    std::uint64_t new_table();
    std::byte *entry_at(std::uint64_t table, std::uint64_t va, unsigned level);

    Machine &machine_;
    std::uint32_t index_;
    std::uint64_t next_hbm_table_;
    std::uint64_t root_;
};

/// Where a queue's ring is: in guest memory at `ring`, which the queue is given as `base`. The seqno follows it.
struct RingPlace {
    std::uint64_t ring;
    std::uint64_t base;
    bool in_context; ///< `base` is a context address
};

class Queue {
public:
    static constexpr std::uint32_t LOG2 = 5;
    static constexpr std::uint64_t PACKETS = 1ULL << LOG2;
    static constexpr std::uint64_t BYTES = PACKETS * spec::PACKET_BYTES;
    /// Where its stamps are, seen from the ring, and where they end.
    static constexpr std::uint64_t STAMPS = BYTES + 64;
    static constexpr std::uint64_t STAMPS_END = STAMPS + PACKETS * spec::Stamp::BYTES;

    Queue(Machine &machine, std::uint32_t index, std::uint32_t ctx, const RingPlace &place);

    /// For the next enable(). `place` has room for stamps, if wanted.
    struct Manners {
        bool stamps = false;
        spec::QueuePriority priority = spec::QueuePriority::NORMAL;
        std::uint32_t coalesce = 0; ///< register COALESCE
    } manners;

    /// Configures and enables it; also after a reset.
    void enable();
    void disable() { machine_.w32(reg::QUEUE_CTRL(index_), 0); }

    void push_raw(std::span<const std::byte, spec::PACKET_BYTES> raw);
    template<class Packet>
    void push(Packet packet) {
        packet.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
        push_raw(spec::packed(packet));
    }
    void ring();
    template<class Packet>
    void submit(const Packet &packet) {
        push(packet);
        ring();
    }

    std::uint32_t index() const { return index_; }
    std::uint64_t tail() const { return tail_; }
    std::uint64_t head() { return machine_.r64(reg::QUEUE_HEAD(index_)); }
    std::uint32_t status() { return machine_.r32(reg::QUEUE_STATUS(index_)); }
    spec::QueueState state() { return static_cast<spec::QueueState>(field::QUEUE_STATUS_STATE.get(status())); }
    spec::Fault fault() { return static_cast<spec::Fault>(field::QUEUE_STATUS_FAULT.get(status())); }
    bool busy() { return (status() & field::QUEUE_STATUS_BUSY.mask) != 0; }
    /// Nothing to do, and nothing in flight.
    bool at_rest() { return state() != spec::QueueState::RUNNING && !busy(); }

private:
    Machine &machine_;
    std::uint32_t index_;
    std::uint32_t ctx_;
    RingPlace place_;
    std::uint64_t tail_ = 0;
};

/// Requires that the record says something that the contract knows, about a chip with so many cores.
void check_record(const spec::EventRecord &record, std::uint32_t cores);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_MACHINE_HPP
