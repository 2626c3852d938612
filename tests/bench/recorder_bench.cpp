// SPDX-License-Identifier: MIT
// What the flight recorder costs: the same work of one chip with it and without it, by turns; two chips would differ in where
// their memory is, too. By the chip's one thread, from a doorbell for a whole ring until it is idle. Only the seqnos, and
// that records were written, are asserted.
#include "bench.hpp"

#include "neuron_chip.h"

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include <setjmp.h>
#include <stdarg.h>
extern "C" {
#include <cmocka.h>
}

namespace {

namespace spec = neuron::spec;
namespace reg = neuron::spec::reg;
namespace field = neuron::spec::field;

constexpr int ROUNDS = 31;
constexpr std::uint32_t LOG2 = 10;
constexpr std::uint64_t PACKETS = 1ULL << LOG2;
constexpr std::uint64_t MiB = 1ULL << 20;

// The goals: of copy bandwidth, and of the no-op rate of whoever gets most no-ops through, about two million a second.
constexpr double COPY_GOAL = 0.97;
constexpr double NOP_BUDGET_NS = 25;

/// Host memory from bus address 0: page tables, ring, seqno.
class Host {
public:
    static constexpr std::uint64_t ROOT = 0x1000, TABLES = 0x2000, RING = 0x10000, SEQNO = 0x40000, BYTES = 0x60000;

    std::byte *at(std::uint64_t bus) { return memory_.data() + bus; }
    std::uint64_t u64(std::uint64_t bus) {
        std::uint64_t value = 0;
        std::memcpy(&value, at(bus), sizeof value);
        return value;
    }
    void set_u64(std::uint64_t bus, std::uint64_t value) { std::memcpy(at(bus), &value, sizeof value); }
    static neuron_chip_host_ops ops() {
        return {.size = sizeof(neuron_chip_host_ops),
                .dma_read =
                    [](void *opaque, std::uint64_t addr, void *buf, std::size_t len) {
                        std::memcpy(buf, static_cast<Host *>(opaque)->at(addr), len);
                        return 0;
                    },
                .dma_write =
                    [](void *opaque, std::uint64_t addr, const void *buf, std::size_t len) {
                        std::memcpy(static_cast<Host *>(opaque)->at(addr), buf, len);
                        return 0;
                    },
                .raise_irq = [](void *, std::uint32_t) {},
                .kick = nullptr,
                .log = nullptr,
                .function_fault = nullptr};
    }

private:
    std::vector<std::byte> memory_ = std::vector<std::byte>(BYTES);
};

/// A chip with a queue, and the first 1 GiB of context addresses on 64 MiB of HBM.
class Chip {
public:
    Chip() {
        neuron_chip_config config{};
        config.size = sizeof config;
        config.abi_major = NEURON_CHIP_ABI_MAJOR;
        config.hbm_bytes = 64 * MiB;
        config.cores = 1;
        config.threads = 1;
        const neuron_chip_host_ops ops = Host::ops();
        char error[256];
        if (neuron_chip_create(&config, &ops, &host_, &chip_, error, sizeof error) != 0)
            fail_msg("%s", error);
        map();
        write(reg::CTX_PT_ROOT(0), Host::ROOT, 8);
        write(reg::CTX_CTRL(0), field::CTX_CTRL_ENABLE.mask, 4);
        write(reg::QUEUE_RING_BASE(0), Host::RING, 8);
        write(reg::QUEUE_SEQNO_ADDR(0), Host::SEQNO, 8);
        write(reg::QUEUE_RING_LOG2(0), LOG2, 4);
        write(reg::QUEUE_CFG(0), field::QUEUE_CFG_VECTOR.set(1), 4);
        write(reg::QUEUE_CTRL(0), field::QUEUE_CTRL_ENABLE.mask, 4);
    }
    ~Chip() { neuron_chip_destroy(chip_); }
    Chip(const Chip &) = delete;
    Chip &operator=(const Chip &) = delete;

    template<class Packet>
    void fill(Packet packet) {
        packet.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
        const auto raw = spec::packed(packet);
        for (std::uint64_t i = 0; i < PACKETS; ++i)
            std::memcpy(host_.at(Host::RING + i * raw.size()), raw.data(), raw.size());
    }
    void run(bool recorded, unsigned turns, std::uint64_t packets) {
        write(reg::REC_CTRL, field::REC_CTRL_RECORD.set(recorded), 4);
        const std::uint64_t before = neuron_chip_reg_read(chip_, reg::REC_WRITTEN, 8);
        for (unsigned turn = 0; turn < turns; ++turn) {
            tail_ += packets;
            neuron_chip_doorbell_write(chip_, spec::doorbell(0, 0), static_cast<std::uint32_t>(tail_), 4);
            neuron_chip_quiesce(chip_);
        }
        assert_int_equal(host_.u64(Host::SEQNO), tail_);
        const std::uint64_t written = neuron_chip_reg_read(chip_, reg::REC_WRITTEN, 8) - before;
        assert_true(recorded ? written >= turns * packets : written == 0);
    }

private:
    void write(std::uint64_t offset, std::uint64_t value, unsigned size) {
        neuron_chip_reg_write(chip_, offset, value, size);
    }
    void map() {
        std::uint64_t table = Host::ROOT;
        for (unsigned level = 0; level + 2 < spec::MMU_LEVELS; ++level) {
            const std::uint64_t next = Host::TABLES + level * spec::PAGE_SIZE;
            host_.set_u64(table, next | field::PTE_VALID.mask);
            table = next;
        }
        for (std::uint64_t i = 0; i < 64 * MiB >> spec::MMU_LARGE_PAGE_SHIFT; ++i)
            host_.set_u64(table + i * 8, i << spec::MMU_LARGE_PAGE_SHIFT | field::PTE_VALID.mask |
                                             field::PTE_WRITE.mask | field::PTE_HBM.mask | field::PTE_LARGE.mask);
    }

    Host host_;
    neuron_chip *chip_ = nullptr;
    std::uint64_t tail_ = 0;
};

/// Nanoseconds of a packet without and with the recorder.
struct Cost {
    double off;
    double on;
};

template<class Packet>
Cost measure(const Packet &packet, unsigned turns, std::uint64_t packets) {
    Chip chip;
    chip.fill(packet);
    const auto seconds = bench::by_turns(
        ROUNDS, {{[&] { chip.run(false, turns, packets); }}, {[&] { chip.run(true, turns, packets); }}});
    const double each = 1e9 / (static_cast<double>(turns) * static_cast<double>(packets));
    return {seconds[0] * each, seconds[1] * each};
}

void no_ops(void **) {
    const Cost cost = measure(spec::PacketNop{}, 64, PACKETS);
    bench::report(
        {"no-op in the chip, recorded", cost.on, "ns", cost.off, std::nullopt, "recorder off", bench::Better::LESS});
    // Two million a second are 500 ns each.
    bench::report({"no-op at 2 M/s, recorded", 500 + cost.on - cost.off, "ns", 500, 500 / (500 + NOP_BUDGET_NS),
                   "500 ns each", bench::Better::LESS});
}

void copies(void **) {
    for (const std::uint64_t bytes : std::initializer_list<std::uint64_t>{4096, 65536, MiB}) {
        const auto packets = std::min<std::uint64_t>(PACKETS, 32 * MiB / bytes);
        const Cost cost = measure(spec::PacketCopy{.src = 0, .dst = 32 * MiB, .bytes = bytes}, 1, packets);
        const double gb = static_cast<double>(bytes);
        bench::report({"copy of " + std::to_string(bytes >> 10) + " KiB in HBM, recorded", gb / cost.on, "GB/s",
                       gb / cost.off, bytes >= MiB ? std::optional(COPY_GOAL) : std::nullopt, "recorder off"});
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(no_ops), cmocka_unit_test(copies)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("recorder_bench", tests, nullptr, nullptr);
}
