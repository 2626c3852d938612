// SPDX-License-Identifier: MIT
#include "guest_memory.hpp"

#include "check.hpp"

#include <cerrno>
#include <cinttypes>
#include <cstring>

namespace fuzz {

namespace {
constexpr std::uint64_t MAX_TRANSFER = MiB; // neuron_chip.h
constexpr std::size_t FIRST_PAGES = GuestMemory::BYTES / PAGE;
constexpr std::size_t SECOND_PAGES = GuestMemory::SECOND_BYTES / PAGE;

bool inside(std::uint64_t bus, std::uint64_t bytes, std::uint64_t base, std::uint64_t size) {
    return bus >= base && bus - base <= size && bytes <= size - (bus - base);
}
} // namespace

GuestMemory::GuestMemory() : first_(BYTES), second_(SECOND_BYTES), permissions_(FIRST_PAGES + SECOND_PAGES) {}

std::byte *GuestMemory::at(std::uint64_t bus, std::uint64_t bytes) {
    if (inside(bus, bytes, BASE, BYTES))
        return first_.data() + (bus - BASE);
    FUZZ_REQUIRE(inside(bus, bytes, SECOND_BASE, SECOND_BYTES), "the target left guest memory at %#" PRIx64, bus);
    return second_.data() + (bus - SECOND_BASE);
}

std::uint64_t GuestMemory::alloc(std::uint64_t bytes, Permission permission) {
    const std::uint64_t bus = next_;
    next_ += (bytes + PAGE - 1) / PAGE * PAGE;
    std::memset(at(bus, next_ - bus), 0, next_ - bus); // a hostile guest may have been here
    permit(bus, bytes, permission);
    return bus;
}

std::uint8_t *GuestMemory::permission_of(std::uint64_t bus) {
    const std::uint64_t page = bus >= SECOND_BASE ? FIRST_PAGES + (bus - SECOND_BASE) / PAGE : (bus - BASE) / PAGE;
    return &permissions_[page];
}

void GuestMemory::permit(std::uint64_t bus, std::uint64_t bytes, Permission permission) {
    for (std::uint64_t done = 0; done < bytes; done += PAGE)
        *permission_of(bus + done) = permission;
}

std::uint64_t GuestMemory::u64(std::uint64_t bus) {
    std::uint64_t value = 0;
    std::memcpy(&value, at(bus, sizeof value), sizeof value);
    return value;
}

void GuestMemory::set_u64(std::uint64_t bus, std::uint64_t value) {
    std::memcpy(at(bus, sizeof value), &value, sizeof value);
}

int GuestMemory::transfer(std::uint64_t bus, std::size_t bytes, Permission wanted) {
    FUZZ_REQUIRE(bytes >= 1 && bytes <= MAX_TRANSFER, "a transfer of %zu bytes", bytes);
    FUZZ_REQUIRE(bus + (bytes - 1) >= bus, "a transfer wraps: %#" PRIx64 " + %zu", bus, bytes);
    if (!inside(bus, bytes, BASE, BYTES) && !inside(bus, bytes, SECOND_BASE, SECOND_BYTES))
        return -EFAULT;
    if (!enforced_)
        return 0;
    for (std::uint64_t page = bus / PAGE; page <= (bus + bytes - 1) / PAGE; ++page)
        FUZZ_REQUIRE((*permission_of(page * PAGE) & wanted) != 0, "the chip %s %#" PRIx64 " + %zu",
                     wanted == WRITE ? "wrote" : "read", bus, bytes);
    return 0;
}

void GuestMemory::interrupt(std::uint32_t vector) {
    FUZZ_REQUIRE(vector < neuron::spec::MSIX_VECTORS, "vector %" PRIu32, vector);
    vectors_ |= 1ULL << vector;
}

neuron_chip_host_ops GuestMemory::ops() {
    return {
        .size = sizeof(neuron_chip_host_ops),
        .dma_read =
            [](void *opaque, std::uint64_t bus, void *buffer, std::size_t bytes) {
                auto &self = *static_cast<GuestMemory *>(opaque);
                const int refused = self.transfer(bus, bytes, READ);
                // A buffer that is too short shows whether or not the bus takes the transfer.
                if (refused != 0)
                    std::memset(buffer, 0xa5, bytes); // spec-ok: garbage, as a bus may leave it
                else
                    std::memcpy(buffer, self.at(bus, bytes), bytes);
                return refused;
            },
        .dma_write =
            [](void *opaque, std::uint64_t bus, const void *buffer, std::size_t bytes) {
                auto &self = *static_cast<GuestMemory *>(opaque);
                const int refused = self.transfer(bus, bytes, WRITE);
                if (refused == 0)
                    std::memcpy(self.at(bus, bytes), buffer, bytes);
                return refused;
            },
        .raise_irq = [](void *opaque, std::uint32_t vector) { static_cast<GuestMemory *>(opaque)->interrupt(vector); },
        .kick = nullptr,
        .log = nullptr,
        .function_fault = nullptr};
}

} // namespace fuzz
