// SPDX-License-Identifier: MIT
// Tenants who all use the chip at once from threads of their own: programs on every core that use every engine and leave notes,
// cores that swap tiles, copies, faults, queues stopped in the middle, contexts switched off, and resets under all of that;
// then once more with hazard detection. There is nothing to time and little to check; the thread sanitizer watches.
#include "check.hpp"
#include "grammar.hpp"
#include "machine.hpp"
#include "program_writer.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace fuzz;

constexpr std::uint32_t TENANTS = 4;
constexpr std::uint32_t CORES = 4;
constexpr std::uint32_t THREADS = 4;
constexpr std::uint64_t CODE = 0x1000'0000;
constexpr std::uint64_t LOOP = CODE + PAGE;
constexpr std::uint64_t SWAP = LOOP + PAGE;
constexpr std::uint64_t COMPUTE = SWAP + PAGE;
constexpr std::uint64_t CODE_BYTES = 4 * PAGE;
constexpr std::uint64_t DATA = 0x2000'0000;
constexpr std::uint64_t DATA_BYTES = 4 * PAGE; ///< the argument, a tile's rows, the rows behind it, the notes
constexpr std::uint64_t NOTES = DATA + 3 * PAGE;
constexpr std::uint8_t NOTES_LOG2 = 4; ///< fewer than a launch leaves: the ring wraps
constexpr std::uint64_t HBM = 0x3000'0000;
constexpr std::uint64_t NOWHERE = 0x4000'0000;
constexpr std::uint16_t ELEMENTS = 8; ///< rows of 32 bytes: 4 KiB in all

bool is_hazard(spec::Fault fault) {
    return fault == spec::Fault::HAZARD_ORDER || fault == spec::Fault::HAZARD_UNWRITTEN;
}

/// A value of register COALESCE: few interrupts, for a short time.
std::uint32_t coalesce(Random &random) {
    return field::QUEUE_COALESCE_COUNT.set(static_cast<std::uint32_t>(random.below(5))) |
           field::QUEUE_COALESCE_USECS.set(static_cast<std::uint32_t>(random.below(200)));
}

/// One context with one queue; its thread is the only one that touches its memory.
class Tenant {
public:
    Tenant(Machine &machine, std::uint32_t index)
        : machine_(machine), context_(machine, index), queue_(machine, index, index, ring()), random_(index + 1) {
        queue_.manners = {.stamps = true, .priority = static_cast<spec::QueuePriority>(index % 3)};
        const std::uint64_t code = machine.guest.alloc(CODE_BYTES, GuestMemory::BOTH);
        data_ = machine.guest.alloc(DATA_BYTES, GuestMemory::BOTH);
        context_.map(CODE, code, CODE_BYTES, 0);
        context_.map(DATA, data_, DATA_BYTES, Context::WRITABLE);
        context_.map(HBM, index * MiB, 16 * PAGE, Context::HBM | Context::WRITABLE);
        machine.guest.set_u64(data_, DATA); // the launches' argument
        write_work(machine.guest.at(code, PAGE));
        write_loop(machine.guest.at(code + LOOP - CODE, PAGE));
        write_swap(machine.guest.at(code + SWAP - CODE, PAGE));
        write_compute(machine.guest.at(code + COMPUTE - CODE, PAGE));
    }

    /// While nobody disturbs: every program that should end well does.
    bool programs_work() {
        for (const auto &[program, mask] : {std::pair{CODE, 1U}, {SWAP, 3U}, {COMPUTE, 1U}}) {
            bring_up();
            launch(program, mask);
            queue_.ring();
            wait();
            if (queue_.state() != spec::QueueState::IDLE) {
                std::printf("# program %#llx: fault %u\n", static_cast<unsigned long long>(program),
                            unsigned{spec::raw(queue_.fault())});
                return false;
            }
        }
        return true;
    }

    /// Until `rounds` pieces of work were tried; with resets about, not all of them can succeed.
    void run(unsigned rounds) {
        for (unsigned i = 0; i < rounds; ++i) {
            bring_up();
            submit_something();
            if (random_.chance(20))
                interfere();
            wait();
        }
        finish();
    }
    std::uint64_t completed() const { return completed_; }
    std::uint64_t faults() const { return faults_; }
    std::uint64_t hazards() const { return hazards_; } ///< that no program has

private:
    RingPlace ring() {
        const std::uint64_t at = machine_.guest.alloc(Queue::STAMPS_END, GuestMemory::BOTH);
        return {at, at, false};
    }

    static void write_work(std::byte *to) {
        constexpr std::uint32_t COPIED = 4096;
        const spec::Tile in = dense_tile(spec::Space::SBUF, 0, ELEMENTS);
        const spec::Tile out = dense_tile(spec::Space::SBUF, COPIED, ELEMENTS);
        ProgramWriter writer(to, CODE);
        writer.stream(spec::Engine::SP, updating(load(in, dense_rows(PAGE, ELEMENTS), 0), 0));
        writer.stream(spec::Engine::DVE, updating(waiting(copy(out, in), 0), 1));
        writer.stream(spec::Engine::ACT, waiting(updating(spec::InsnNop{}, 2), 1));
        // Each core has a page of its own: what the tenants' programs do to each other's memory is not the chip's fault.
        spec::InsnCoreId core_id{};
        core_id.rd = 1;
        spec::Mem rows = dense_rows(HBM - DATA, ELEMENTS);
        rows.reg = core_id.rd;
        rows.shift = spec::MMU_PAGE_SHIFT;
        writer.stream(spec::Engine::POOL, core_id, waiting(store(rows, out, 5), 2));
        writer.finish();
    }

    /// Never ends: somebody has to stop it.
    static void write_loop(std::byte *to) {
        spec::InsnBranch branch{};
        ProgramWriter writer(to, LOOP);
        writer.stream(spec::Engine::PE, branch);
        writer.stream(spec::Engine::SP, branch);
        writer.finish();
    }

    /// Two cores swap tiles, tell each other so, and meet.
    static void write_swap(std::byte *to) {
        constexpr std::uint32_t RECEIVED = 8192;
        constexpr std::uint8_t LOADED = 0, ARRIVED = 5, TOLD = 6, MEETING = 7;
        const spec::Tile own = dense_tile(spec::Space::SBUF, 0, ELEMENTS);
        const spec::Tile received = dense_tile(spec::Space::SBUF, RECEIVED, ELEMENTS);
        spec::InsnCoreRank rank{};
        rank.rd = 1;
        spec::InsnAlu other{};
        other.op = spec::AluOp::XOR;
        other.rd = other.ra = rank.rd;
        other.imm = 1;
        spec::InsnDmaSend send{};
        send.dst = received;
        send.src = own;
        send.rank = other.rd;
        send.sem = ARRIVED;
        send.value = 1;
        spec::InsnSemRemote tell{};
        tell.rank = other.rd;
        tell.sem = TOLD;
        tell.op = spec::UpdateOp::ADD;
        tell.value = 1;
        spec::InsnCoreBarrier meet{};
        meet.sem = MEETING;
        ProgramWriter writer(to, SWAP);
        writer.stream(spec::Engine::SP, updating(load(own, dense_rows(PAGE, ELEMENTS), 0), LOADED), rank, other,
                      waiting(send, LOADED), waiting(tell, ARRIVED), waiting(meet, TOLD));
        writer.stream(spec::Engine::DVE, waiting(copy(dense_tile(spec::Space::PSUM, 0, ELEMENTS), received), ARRIVED));
        writer.finish();
    }

    /// Noise through the tensor engine, a function of it, a sum, and out.
    static void write_compute(std::byte *to) {
        constexpr std::uint8_t FILLED = 0, MULTIPLIED = 1, ACTIVATED = 2, ADDED = 3;
        constexpr std::uint32_t ACTIVATION = 4096, SUM = 8192;
        const auto floats = [](spec::Space space, std::uint32_t offset, std::uint8_t partitions) {
            spec::Tile tile = dense_tile(space, offset, ELEMENTS);
            tile.dtype = spec::Dtype::F32;
            tile.partitions = partitions;
            return tile;
        };
        const auto number = [](float value) {
            return spec::Scalar{.value = std::bit_cast<std::uint32_t>(value), .dtype = spec::Dtype::F32};
        };
        const spec::Tile noise = floats(spec::Space::SBUF, 0, spec::PARTITIONS);
        const spec::Tile product = floats(spec::Space::PSUM, 0, ELEMENTS);
        const spec::Tile activation = floats(spec::Space::SBUF, ACTIVATION, ELEMENTS);
        const spec::Tile sum = floats(spec::Space::SBUF, SUM, ELEMENTS);
        spec::InsnMemset fill{};
        fill.dst = noise;
        fill.value = number(0.5F);
        spec::InsnLdweights stationary{};
        stationary.src = noise;
        spec::InsnMatmul multiply{};
        multiply.dst = product;
        multiply.moving = noise;
        multiply.flags = spec::MatmulFlag::START | spec::MatmulFlag::STOP;
        spec::InsnActivate activate{};
        activate.dst = activation;
        activate.src = product;
        activate.func = spec::Activation::TANH;
        activate.scale = number(1);
        activate.bias = number(0);
        spec::InsnTensorTensor add{};
        add.dst = sum;
        add.a = add.b = activation;
        add.op = spec::TensorOp::ADD;
        spec::InsnCoreId core_id{};
        core_id.rd = 1;
        spec::Mem rows = dense_rows(HBM - DATA, ELEMENTS);
        rows.reg = core_id.rd;
        rows.shift = spec::MMU_PAGE_SHIFT;
        ProgramWriter writer(to, COMPUTE);
        writer.stream(spec::Engine::DVE, updating(fill, FILLED));
        writer.stream(spec::Engine::PE, waiting(stationary, FILLED), updating(multiply, MULTIPLIED));
        writer.stream(spec::Engine::ACT, updating(waiting(activate, MULTIPLIED), ACTIVATED));
        writer.stream(spec::Engine::POOL, updating(waiting(add, ACTIVATED), ADDED));
        writer.stream(spec::Engine::SP, core_id, waiting(store(rows, sum, 2), ADDED));
        writer.finish();
    }

    void bring_up() {
        if (queue_.state() == spec::QueueState::IDLE)
            return;
        while (!machine_.ready())
            std::this_thread::yield();
        queue_.disable();
        while (queue_.busy())
            std::this_thread::yield();
        context_.enable();
        queue_.manners.coalesce = coalesce(random_);
        queue_.enable();
    }

    void launch(std::uint64_t program, std::uint32_t mask) {
        spec::PacketLaunch packet{.core_mask = mask, .program = program, .args = DATA, .arg_count = 1};
        packet.notify = NOTES;
        packet.notify_log2 = NOTES_LOG2;
        for (const spec::EnumValueDesc &flag : spec::enum_desc<spec::TraceFlag>().values)
            packet.trace |= static_cast<std::uint8_t>(flag.value);
        queue_.push(packet);
    }

    void submit_something() {
        looping_ = false;
        const auto one_core = 1U << random_.below(CORES);
        switch (random_.below(12)) {
        case 0: // there and back, past what errors have spoilt
            queue_.push(spec::PacketCopy{.src = DATA + PAGE, .dst = HBM + 4 * PAGE, .bytes = 2 * PAGE});
            queue_.push(spec::PacketCopy{.src = HBM + 4 * PAGE, .dst = DATA + 2 * PAGE, .bytes = PAGE});
            break;
        case 1: queue_.push(spec::PacketFill{.dst = HBM + 8 * PAGE, .bytes = 4 * PAGE, .pattern = 1}); break;
        case 2: queue_.push(spec::PacketFence{.addr = NOWHERE, .value = 1}); break; // faults
        case 3:
            launch(LOOP, one_core);
            looping_ = true;
            break;
        case 4: launch(NOWHERE, one_core); break; // faults
        case 5: launch(CODE, (1U << CORES) - 1); break;
        case 6:
        case 7: launch(SWAP, 3U << random_.below(CORES - 1)); break;
        case 8:
        case 9: launch(COMPUTE, one_core); break;
        default: launch(CODE, one_core); break;
        }
        queue_.push(spec::PacketNop{});
        queue_.ring();
    }

    void interfere() {
        switch (random_.below(5)) {
        case 4: machine_.w32(reg::QUEUE_COALESCE(queue_.index()), coalesce(random_)); break;
        case 0: queue_.disable(); break;
        case 1: context_.disable(); break;
        case 2:
            machine_.w32(reg::CTX_TLB_FLUSH(context_.index()), field::CTX_TLB_FLUSH_FLUSH.mask);
            while (machine_.r32(reg::CTX_TLB_FLUSHING(context_.index())) != 0)
                std::this_thread::yield();
            break;
        default: queue_.ring(); break;
        }
    }

    void wait() {
        if (looping_) {
            for (unsigned i = 0; i < 50 && queue_.state() == spec::QueueState::RUNNING; ++i)
                std::this_thread::yield();
            queue_.disable();
        }
        while (!queue_.at_rest())
            std::this_thread::yield();
        if (queue_.state() == spec::QueueState::IDLE)
            ++completed_;
        else if (queue_.state() == spec::QueueState::FAULTED)
            ++(is_hazard(queue_.fault()) ? hazards_ : faults_);
    }

    void finish() {
        queue_.disable();
        context_.disable();
        while (queue_.busy() || context_.busy())
            std::this_thread::yield();
    }

    Machine &machine_;
    Context context_;
    Queue queue_;
    Random random_;
    std::uint64_t data_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t faults_ = 0;
    std::uint64_t hazards_ = 0;
    bool looping_ = false;
};

/// What nobody asked for: reads of every register, doorbells of others, scrubs, errors of HBM, and resets if wanted.
void disturb(Machine &machine, const std::atomic<bool> &stop, bool with_resets) {
    Random random(99);
    constexpr unsigned QUIET = 200; ///< turns from one reset to the next, so that work can end in between
    for (unsigned turn = 0; !stop; ++turn) {
        const spec::RegisterDesc &desc = random.pick(spec::registers());
        machine.r32(desc.offset + desc.stride * static_cast<std::uint32_t>(random.below(TENANTS)));
        neuron_chip_doorbell_write(machine.chip, spec::doorbell(TENANTS + 1, 0), 1, sizeof(std::uint32_t));
        machine.w64(reg::GLOBAL_SCRUB_ADDR, 7 * MiB);
        machine.w64(reg::GLOBAL_SCRUB_BYTES, PAGE);
        machine.w32(reg::GLOBAL_SCRUB_CTRL, field::GLOBAL_SCRUB_CTRL_START.mask);
        machine.w32(reg::GLOBAL_EVENT_HEAD, machine.r32(reg::GLOBAL_EVENT_TAIL));
        // Anywhere in a page of a tenant, or of nobody.
        const std::uint64_t error = random.below(TENANTS + 1) * MiB + random.below(16 * PAGE);
        if (turn % 16 == 0)
            neuron_chip_inject_ecc(machine.chip, error, random.chance(50));
        machine.r32(reg::GLOBAL_TEMPERATURE);
        machine.r64(reg::QUEUE_BUSY_NS(static_cast<std::uint32_t>(random.below(TENANTS))));
        if (with_resets && turn % QUIET == QUIET - 1) {
            neuron_chip_reset(machine.chip);
            while (!machine.ready())
                std::this_thread::yield();
            machine.start_events();
        }
        std::this_thread::yield();
    }
}

bool stress(bool with_resets, bool hazards, unsigned rounds) {
    Machine machine({.profile = 2, .threads = THREADS, .cores = CORES, .hazards = hazards});
    machine.start_events();
    std::vector<std::unique_ptr<Tenant>> tenants;
    for (std::uint32_t i = 0; i < TENANTS; ++i)
        tenants.push_back(std::make_unique<Tenant>(machine, i));
    if (!tenants.front()->programs_work())
        return false;
    std::atomic<bool> stop = false;
    std::thread disturber(disturb, std::ref(machine), std::cref(stop), with_resets);
    std::vector<std::thread> threads;
    for (auto &tenant : tenants)
        threads.emplace_back([&tenant, rounds] { tenant->run(rounds); });
    for (std::thread &thread : threads)
        thread.join();
    stop = true;
    disturber.join();
    neuron_chip_quiesce(machine.chip);
    std::uint64_t completed = 0;
    std::uint64_t faults = 0;
    std::uint64_t hazards_found = 0;
    for (const auto &tenant : tenants) {
        completed += tenant->completed();
        faults += tenant->faults();
        hazards_found += tenant->hazards();
    }
    std::printf("# %u rounds: %llu completed, %llu faults, %llu hazards\n", TENANTS * rounds,
                static_cast<unsigned long long>(completed), static_cast<unsigned long long>(faults),
                static_cast<unsigned long long>(hazards_found));
    return completed != 0 && faults != 0 && hazards_found == 0;
}

} // namespace

/// stress [ROUNDS]: of each tenant in each case. Speaks TAP.
int main(int argc, char **argv) {
    const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::stoul(argv[1])) : 600;
    std::printf("TAP version 13\n1..3\n");
    const bool calm = stress(false, false, rounds);
    std::printf("%s 1 - launches, copies, faults and stops from all sides\n", calm ? "ok" : "not ok");
    const bool reset = stress(true, false, rounds);
    std::printf("%s 2 - resets under all of that\n", reset ? "ok" : "not ok");
    const bool hazards = stress(true, true, rounds / 2);
    std::printf("%s 3 - the same with hazard detection\n", hazards ? "ok" : "not ok");
    return calm && reset && hazards ? EXIT_SUCCESS : EXIT_FAILURE;
}
