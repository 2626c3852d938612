// SPDX-License-Identifier: MIT
#include "tape_seeds.hpp"

#include "neuron_chip.h"

#include <neuron/spec.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace fuzz {

namespace {

namespace spec = neuron::spec;
namespace reg = neuron::spec::reg;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t RING = 0, SEQNO = 0x8000, TABLE = 0x9000, EVENTS = 0xa000;
constexpr std::uint32_t QUEUE = 3;

/// Host memory from bus address 0 on.
class Host {
public:
    static neuron_chip_host_ops ops() {
        neuron_chip_host_ops ops{};
        ops.size = sizeof ops;
        ops.dma_read = [](void *self, std::uint64_t addr, void *out, std::size_t bytes) {
            std::byte *const at = static_cast<Host *>(self)->at(addr, bytes);
            return at != nullptr ? (std::memcpy(out, at, bytes), 0) : -EIO;
        };
        ops.dma_write = [](void *self, std::uint64_t addr, const void *in, std::size_t bytes) {
            std::byte *const at = static_cast<Host *>(self)->at(addr, bytes);
            return at != nullptr ? (std::memcpy(at, in, bytes), 0) : -EIO;
        };
        ops.raise_irq = [](void *, std::uint32_t) {};
        return ops;
    }
    std::byte *at(std::uint64_t addr, std::size_t bytes) {
        return addr <= memory_.size() && bytes <= memory_.size() - addr ? memory_.data() + addr : nullptr;
    }

private:
    Bytes memory_ = Bytes(64 << 10);
};

int append(void *tape, const void *data, std::size_t size) {
    const auto *bytes = static_cast<const std::byte *>(data);
    static_cast<Bytes *>(tape)->insert(static_cast<Bytes *>(tape)->end(), bytes, bytes + size);
    return 0;
}

void bring_up(neuron_chip *chip) {
    neuron_chip_quiesce(chip);
    neuron_chip_reg_write(chip, reg::GLOBAL_EVENT_RING_LOG2, spec::RING_LOG2_MIN, 4);
    neuron_chip_reg_write(chip, reg::GLOBAL_EVENT_RING_BASE, EVENTS, 8);
    neuron_chip_reg_write(chip, reg::CTX_PT_ROOT(0), TABLE, 8);
    neuron_chip_reg_write(chip, reg::CTX_CTRL(0), 1, 4);
    neuron_chip_reg_write(chip, reg::QUEUE_RING_BASE(QUEUE), RING, 8);
    neuron_chip_reg_write(chip, reg::QUEUE_SEQNO_ADDR(QUEUE), SEQNO, 8);
    neuron_chip_reg_write(chip, reg::QUEUE_RING_LOG2(QUEUE), spec::RING_LOG2_MIN, 4);
    neuron_chip_reg_write(chip, reg::QUEUE_CFG(QUEUE), 0, 4);
    neuron_chip_reg_write(chip, reg::QUEUE_CTRL(QUEUE), 1, 4);
}

template<class Packet>
void submit(neuron_chip *chip, Host &host, std::uint32_t number, Packet packet) {
    packet.flags = spec::PacketFlag::SEQNO | spec::PacketFlag::IRQ;
    const auto raw = spec::packed(packet);
    std::memcpy(host.at(RING + number * spec::PACKET_BYTES, raw.size()), raw.data(), raw.size());
    neuron_chip_doorbell_write(chip, spec::doorbell(0, 0), number + 1, 4);
    neuron_chip_run(chip, 100);
}

} // namespace

std::vector<std::byte> recorded_tape(bool late) {
    Bytes tape;
    Host host;
    const neuron_chip_host_ops ops = Host::ops();
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.hbm_bytes = 8U << 20;
    config.cores = 1;
    config.stepped = true;
    config.recorder_records = 64;
    if (!late)
        config.tape = append, config.tape_opaque = &tape;
    neuron_chip *chip = nullptr;
    if (neuron_chip_create(&config, &ops, &host, &chip, nullptr, 0) != 0)
        return {};
    bring_up(chip);
    submit(chip, host, 0, spec::PacketNop{});
    if (late) {
        neuron_chip_pause(chip);
        const int failed = neuron_chip_start_tape(chip, append, &tape, nullptr, 0);
        neuron_chip_resume(chip);
        if (failed != 0)
            tape.clear();
    }
    submit(chip, host, 1, spec::PacketNop{});
    submit(chip, host, 2, spec::PacketCopy{.src = 0x1000, .dst = 0x2000, .bytes = 64}); // is not mapped
    neuron_chip_reg_read(chip, reg::QUEUE_STATUS(QUEUE), 4);
    neuron_chip_destroy(chip);
    return tape;
}

} // namespace fuzz
