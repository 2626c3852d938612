// SPDX-License-Identifier: MIT
// Two tenants of one chip: one who may do what he likes with his own, and one who must not notice.
#ifndef NEURON_TESTS_FUZZ_ARENA_HPP
#define NEURON_TESTS_FUZZ_ARENA_HPP

#include "addresses.hpp"
#include "machine.hpp"

#include <cstdint>

namespace fuzz {

struct ArenaOptions {
    std::uint8_t profile = 0;
    std::uint64_t seed = 1;
    bool hazards = false;
    bool threads = false;
    bool tables_in_hbm = false;
    bool ring_in_context = false;
    bool spoilt = false;      ///< HBM has met errors, some of them in what the hostile tenant can see
    Queue::Manners manners{}; ///< of the hostile queue
};

/// How the hostile tenant is got rid of.
enum class Ending : std::uint8_t { DISABLE_QUEUE, DISABLE_CONTEXT, RESET };

class Arena {
public:
    static constexpr std::uint32_t CORES = 2;
    static constexpr std::uint32_t HOSTILE = 1;
    static constexpr std::uint32_t VICTIM = 2;

    explicit Arena(const ArenaOptions &options);
    ~Arena();
    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;

    /// From here on every access outside of what the tenants have mapped is a finding.
    void watch();
    /// Runs the hostile queue, then ends what it does in the way given, and requires that it has ended.
    void run_hostile(std::uint64_t steps, Ending ending);
    /// Requires that the hostile queue stopped in a state that explains itself.
    void check_hostile();
    /// Requires that a good packet of the victim does what it should.
    void check_victim_works();
    /// Requires that no memory but the hostile tenant's own has changed.
    void check_memory();
    /// Resets, and requires that the chip works for a new tenant and that HBM has been scrubbed.
    void check_reset();
    /// Requires that a core which has been the victim's, with `word` in it, shows nothing of that to the hostile tenant.
    void probe_core(std::uint32_t core_mask, std::uint64_t word);
    /// Requires that a launch that only reads a core has ended well; `scrubbed`: or, with hazard detection, with what that
    /// says of reading a core that was scrubbed. The queue works on.
    void check_reading(Context &context, Queue &queue, bool scrubbed);
    /// Whether the 8 bytes of `word` are anywhere in what the hostile tenant can read.
    bool hostile_sees(std::uint64_t word);

    std::byte *code(std::uint64_t offset) { return machine.guest.at(code_ + offset); }

    Machine machine;
    Context hostile;
    Context victim;
    Queue hostile_queue;
    Queue victim_queue;

    /// The victim's memory, where he sees it, and where it is.
    static constexpr std::uint64_t VICTIM_DATA = 0x5000'0000;
    static constexpr std::uint64_t VICTIM_HBM = 0x5100'0000;
    static constexpr std::uint64_t VICTIM_BYTES = 12 * 0x1000;
    std::byte *victim_data(std::uint64_t offset) { return machine.guest.at(victim_data_bus(offset)); }
    std::uint64_t victim_data_bus(std::uint64_t offset) const { return victim_data_ + offset; }

private:
    RingPlace make_ring(std::uint32_t tenant, bool in_context);
    void map_hostile();
    void map_victim();
    const bool hazards_;
    /// Errors of HBM, before anybody runs.
    void spoil();
    std::uint32_t errors_ = 0; ///< records of them
    bool ended_by_force_ = false;
    std::uint64_t data_ = 0;
    std::uint64_t code_ = 0;
    std::uint64_t victim_data_ = 0;
    std::uint64_t fences_ = 0;
};

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_ARENA_HPP
