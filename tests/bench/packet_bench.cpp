// SPDX-License-Identifier: MIT
// What a packet that does nothing costs in the chip: by itself, and with stamps, interrupts that are held back, and a
// priority. By the chip's one thread, from a doorbell for a whole ring until it is idle. Only the seqnos are asserted.
#include "bench.hpp"

#include "neuron_chip.h"

#include <neuron/spec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
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
constexpr unsigned TURNS = 64; ///< rings full of packets in a round

/// Host memory from bus address 0: page table, ring, seqno, stamps.
class Host {
public:
    static constexpr std::uint64_t ROOT = 0x1000, RING = 0x10000, SEQNO = 0x40000, STAMPS = 0x50000, BYTES = 0x60000;

    std::byte *at(std::uint64_t bus) { return memory_.data() + bus; }
    std::uint64_t seqno() {
        std::uint64_t value = 0;
        std::memcpy(&value, at(SEQNO), sizeof value);
        return value;
    }
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
                .raise_irq = [](void *opaque, std::uint32_t) { ++static_cast<Host *>(opaque)->irqs; },
                .kick = nullptr,
                .log = nullptr,
                .function_fault = nullptr};
    }

    std::uint64_t irqs = 0;

private:
    std::vector<std::byte> memory_ = std::vector<std::byte>(BYTES);
};

struct Manners {
    bool stamps;
    std::uint32_t coalesce;
    spec::QueuePriority priority;
};

/// A chip with one queue, full of no-ops with an interrupt each.
class Bench {
public:
    explicit Bench(const Manners &manners) {
        neuron_chip_config config{};
        config.size = sizeof config;
        config.abi_major = NEURON_CHIP_ABI_MAJOR;
        config.hbm_bytes = 64ULL << 20;
        config.cores = 1;
        config.threads = 1;
        const neuron_chip_host_ops ops = Host::ops();
        char error[256];
        if (neuron_chip_create(&config, &ops, &host, &chip_, error, sizeof error) != 0)
            fail_msg("%s", error);
        spec::PacketNop nop{};
        nop.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
        const auto raw = spec::packed(nop);
        for (std::uint64_t i = 0; i < PACKETS; ++i)
            std::memcpy(host.at(Host::RING + i * raw.size()), raw.data(), raw.size());
        write(reg::CTX_PT_ROOT(0), Host::ROOT, 8);
        write(reg::CTX_CTRL(0), field::CTX_CTRL_ENABLE.mask, 4);
        write(reg::QUEUE_RING_BASE(0), Host::RING, 8);
        write(reg::QUEUE_SEQNO_ADDR(0), Host::SEQNO, 8);
        write(reg::QUEUE_STAMP_ADDR(0), manners.stamps ? Host::STAMPS : 0, 8);
        write(reg::QUEUE_RING_LOG2(0), LOG2, 4);
        write(reg::QUEUE_CFG(0),
              field::QUEUE_CFG_VECTOR.set(1) | field::QUEUE_CFG_PRIORITY.set(spec::raw(manners.priority)), 4);
        write(reg::QUEUE_COALESCE(0), manners.coalesce, 4);
        write(reg::QUEUE_CTRL(0), field::QUEUE_CTRL_ENABLE.mask, 4);
    }
    ~Bench() { neuron_chip_destroy(chip_); }
    Bench(const Bench &) = delete;
    Bench &operator=(const Bench &) = delete;

    void run() {
        for (unsigned turn = 0; turn < TURNS; ++turn) {
            tail_ += PACKETS;
            neuron_chip_doorbell_write(chip_, spec::doorbell(0, 0), static_cast<std::uint32_t>(tail_), 4);
            neuron_chip_quiesce(chip_);
        }
        assert_int_equal(host.seqno(), tail_);
    }

    Host host;

private:
    void write(std::uint64_t offset, std::uint64_t value, unsigned size) {
        neuron_chip_reg_write(chip_, offset, value, size);
    }

    neuron_chip *chip_ = nullptr;
    std::uint64_t tail_ = 0;
};

void packets(void **) {
    const std::uint32_t often = field::QUEUE_COALESCE_COUNT.set(16) | field::QUEUE_COALESCE_USECS.set(1000);
    Bench plain({}), stamped({.stamps = true, .coalesce = 0, .priority = {}}),
        held({.stamps = false, .coalesce = often, .priority = {}}),
        urgent({.stamps = false, .coalesce = 0, .priority = spec::QueuePriority::HIGH});
    const auto seconds = bench::by_turns(
        ROUNDS, {{[&] { plain.run(); }}, {[&] { stamped.run(); }}, {[&] { held.run(); }}, {[&] { urgent.run(); }}});
    const auto ns = [&](std::size_t way) { return seconds[way] * 1e9 / (TURNS * PACKETS); };
    const std::array<const char *, 4> names{"no-op packet in the chip", "the same, with stamps",
                                            "the same, 16 to an interrupt", "the same, of a queue of high priority"};
    for (std::size_t i = 0; i < names.size(); ++i)
        bench::report({names[i], ns(i), "ns", ns(0), std::nullopt, "plain", bench::Better::LESS});
    assert_int_equal(plain.host.irqs, (ROUNDS + 1) * TURNS * PACKETS);
    assert_true(held.host.irqs < plain.host.irqs);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(packets)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("packet_bench", tests, nullptr, nullptr);
}
