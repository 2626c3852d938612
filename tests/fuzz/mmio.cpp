// SPDX-License-Identifier: MIT
#include "mmio.hpp"

#include <cstring>

namespace fuzz {

namespace {

constexpr std::size_t OFFSET_AT = 4;
constexpr std::size_t VALUE_AT = 8;

MmioRecord access_register(Random &random) {
    const spec::RegisterDesc &desc = random.pick(spec::registers());
    MmioRecord record;
    record.action = static_cast<std::uint8_t>(random.chance(75) ? MmioAction::WRITE : MmioAction::READ);
    const std::uint32_t blocks = random.chance(90) ? std::min(desc.count, mmio_guest::CONTEXTS) : desc.count;
    record.offset = desc.offset + desc.stride * static_cast<std::uint32_t>(random.below(std::max(blocks, 1U)));
    record.width = static_cast<std::uint8_t>(random.chance(90) ? (desc.bits == 64 ? 3 : 2) : random.below(4));
    if (random.chance(5))
        record.offset += static_cast<std::uint32_t>(random.below(8));
    record.value = register_value(random, desc, mmio_guest::VALUES);
    return record;
}

} // namespace

MmioRecord MmioRecord::read(std::span<const std::byte, BYTES> raw) {
    MmioRecord record;
    record.action = static_cast<std::uint8_t>(raw[0]);
    record.width = static_cast<std::uint8_t>(raw[1]);
    std::memcpy(&record.offset, raw.data() + OFFSET_AT, sizeof record.offset);
    std::memcpy(&record.value, raw.data() + VALUE_AT, sizeof record.value);
    return record;
}

void MmioRecord::write(std::span<std::byte, BYTES> raw) const {
    raw[0] = std::byte(action);
    raw[1] = std::byte(width);
    raw[2] = raw[3] = std::byte{0};
    std::memcpy(raw.data() + OFFSET_AT, &offset, sizeof offset);
    std::memcpy(raw.data() + VALUE_AT, &value, sizeof value);
}

MmioRecord make_mmio(Random &random) {
    const std::uint64_t kind = random.below(100);
    if (kind < 60)
        return access_register(random);
    MmioRecord record;
    record.width = 2;
    const auto action = [&](MmioAction a) { record.action = static_cast<std::uint8_t>(a); };
    if (kind < 75) {
        action(MmioAction::DOORBELL);
        record.offset = static_cast<std::uint32_t>(
            random.chance(90) ? spec::doorbell(static_cast<std::uint32_t>(random.below(mmio_guest::CONTEXTS)),
                                               static_cast<std::uint32_t>(random.below(mmio_guest::CONTEXTS)))
                              : random.next());
        record.value = random.chance(80) ? random.below(20) : interesting_number(random);
    } else if (kind < 92) {
        action(MmioAction::RUN);
        record.value = random.below(random.chance(70) ? 8 : 512);
    } else if (kind < 93) {
        action(MmioAction::RESET);
    } else if (kind < 95) {
        action(MmioAction::ERROR);
        record.value = random.chance(50) ? random.below(0x2000) : interesting_number(random);
    } else if (kind < 98) {
        action(MmioAction::POKE);
        record.offset = static_cast<std::uint32_t>(random.below(0x8000 / 8) * 8);
        record.value =
            random.chance(50) ? random.pick(mmio_guest::VALUES) | random.below(16) : interesting_number(random);
    } else {
        action(MmioAction::APERTURE);
        record.offset = static_cast<std::uint32_t>(random.next());
        record.value = interesting_number(random);
    }
    return record;
}

} // namespace fuzz
