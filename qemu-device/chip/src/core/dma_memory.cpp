// SPDX-License-Identifier: MIT
#include "dma_memory.hpp"

#include "dma_elements.hpp"

#include <algorithm>
#include <cstdlib>

namespace neuron::chip {

namespace {

constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;

/// Host memory is read as one block if at least every eighth of its bytes may be wanted; a callback costs more than the rest.
constexpr std::int64_t MAX_COVERED_STRIDE = spec::PAGE_SIZE / 8;

/// From here on write() is worth its second translation: it has a way around the caches.
constexpr std::size_t LARGE_PIECE = CHUNK / 2;

std::uint64_t distance(std::int64_t stride) { return static_cast<std::uint64_t>(std::llabs(stride)); }

tl::unexpected<MemoryFault> bus_fault(std::uint64_t va, std::uint64_t bus, bool write) {
    return tl::unexpected(MemoryFault{spec::Fault::HOST_BUS, va, bus, write});
}

} // namespace

std::size_t DmaMemory::affordable(std::size_t count, std::uint32_t element_bytes) const {
    return std::min(count, std::max<std::size_t>(budget_.bytes / element_bytes, 1));
}

// Close neighbours are translated along with `va`. Those below it only if it is itself translatable, so that a fault has
// the right address.
MemoryResult<void> DmaMemory::translate(std::uint64_t va, const Segment &segment, std::uint32_t element_bytes,
                                        bool write) {
    const bool near = distance(segment.stride) <= spec::PAGE_SIZE;
    const std::uint64_t bytes = std::min<std::uint64_t>(near ? CHUNK : element_bytes, VA_END - va);
    const auto run = access_.space().translate(access_, va, bytes, write);
    if (!run)
        return tl::unexpected(run.error());
    va_ = va;
    run_ = *run;
    writable_ = write;
    const std::uint64_t below = va % spec::PAGE_SIZE;
    if (near && segment.stride < 0) {
        va_ -= below; // the same page
        run_.bus -= below;
        run_.bytes += below;
        if (run_.hbm != nullptr)
            run_.hbm -= below;
    }
    return {};
}

MemoryResult<DmaMemory::Place> DmaMemory::locate(const Segment &segment, std::uint32_t element_bytes, bool write) {
    const auto address = context_address(segment.address, 1, write);
    if (!address)
        return tl::unexpected(address.error());
    const std::uint64_t va = *address;
    const bool known = va >= va_ && va - va_ < run_.bytes && (writable_ || !write);
    if (!known)
        if (const auto done = translate(va, segment, element_bytes, write); !done)
            return tl::unexpected(done.error());
    const std::uint64_t below = va - va_;
    const std::uint64_t above = run_.bytes - below;
    Place place{va, run_.hbm != nullptr ? run_.hbm + below : nullptr, run_.bus + below, 0};
    if (above < element_bytes)
        return place;
    std::uint64_t count = segment.count;
    if (segment.stride > 0)
        count = std::min(count, (above - element_bytes) / distance(segment.stride) + 1);
    else if (segment.stride < 0)
        count = std::min(count, below / distance(segment.stride) + 1);
    place.count = count;
    return place;
}

MemoryResult<std::size_t> DmaMemory::sound_elements(const Place &place, std::int64_t stride,
                                                    std::uint32_t element_bytes, std::size_t count) const {
    const HbmErrors &errors = access_.space().hbm_errors();
    if (errors.none())
        return count;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t at = place.bus + static_cast<std::uint64_t>(stride) * i;
        const auto bad = errors.first(at, element_bytes);
        if (bad && i == 0)
            return tl::unexpected(MemoryFault{spec::Fault::HBM_ECC, place.va + (*bad - at), *bad, false});
        if (bad)
            return i;
    }
    return count;
}

void DmaMemory::elements_written(const Place &place, std::int64_t stride, std::uint32_t element_bytes,
                                 std::size_t count) const {
    HbmErrors &errors = access_.space().hbm_errors();
    if (errors.none())
        return;
    for (std::size_t i = 0; i < count; ++i)
        errors.written(place.bus + static_cast<std::uint64_t>(stride) * i, element_bytes);
}

void DmaMemory::tell_sanitizer(const Place &place, std::int64_t stride, std::uint32_t element_bytes, std::size_t count,
                               bool write) const {
    const bool dense = stride == element_bytes;
    const std::uint64_t bytes = dense ? count * element_bytes : element_bytes;
    for (std::size_t i = 0; i < (dense ? 1 : count); ++i) {
        const std::uint64_t at = static_cast<std::uint64_t>(stride) * i;
        touch(access_, place.va + at, {place.hbm, place.bus + at, bytes}, bytes, write);
    }
}

MemoryResult<std::size_t> DmaMemory::load(const Segment &segment, std::uint32_t element_bytes, std::byte *out) {
    const auto place = locate(segment, element_bytes, false);
    if (!place)
        return tl::unexpected(place.error());
    if (place->count == 0) {
        budget_.spend(element_bytes);
        if (const auto done = read(access_, host_, place->va, {out, element_bytes}); !done)
            return tl::unexpected(done.error());
        return 1;
    }
    const std::size_t count = affordable(place->count, element_bytes);
    if (place->hbm == nullptr)
        return load_host({place->va, nullptr, place->bus, count}, segment.stride, element_bytes, out);
    const auto readable = sound_elements(*place, segment.stride, element_bytes, count);
    if (!readable)
        return readable;
    touch_elements(*place, segment.stride, element_bytes, *readable, false);
    copy_elements(element_bytes, out, element_bytes, place->hbm, segment.stride, *readable);
    budget_.spend(*readable * element_bytes);
    return *readable;
}

MemoryResult<std::size_t> DmaMemory::load_host(const Place &place, std::int64_t stride, std::uint32_t element_bytes,
                                               std::byte *out) {
    if (stride == element_bytes) {
        const std::size_t count = std::min<std::size_t>(place.count, CHUNK / element_bytes);
        budget_.spend(count * element_bytes);
        touch_elements(place, stride, element_bytes, count, false);
        if (!host_.read(place.bus, {out, count * element_bytes}))
            return bus_fault(place.va, place.bus, false);
        return count;
    }
    if (std::llabs(stride) <= MAX_COVERED_STRIDE && place.count > 1) {
        const std::size_t fits = stride == 0 ? place.count : (BOUNCE_BYTES - element_bytes) / distance(stride) + 1;
        const std::size_t count = std::min<std::size_t>(place.count, fits);
        const std::uint64_t below = stride < 0 ? distance(stride) * (count - 1) : 0;
        const std::size_t bytes = distance(stride) * (count - 1) + element_bytes;
        budget_.spend(std::max(bytes, count * element_bytes));
        touch_elements(place, stride, element_bytes, count, false);
        // If the bus refuses any of it, element by element tells which.
        if (host_.read(place.bus - below, bounce_.first(bytes))) {
            copy_elements(element_bytes, out, element_bytes, bounce_.data() + below, stride, count);
            return count;
        }
    }
    budget_.spend(element_bytes);
    touch_elements(place, stride, element_bytes, 1, false);
    if (!host_.read(place.bus, {out, element_bytes}))
        return bus_fault(place.va, place.bus, false);
    return 1;
}

MemoryResult<std::size_t> DmaMemory::store(const Segment &segment, std::uint32_t element_bytes, const std::byte *in) {
    const auto place = locate(segment, element_bytes, true);
    if (!place)
        return tl::unexpected(place.error());
    if (place->count == 0) {
        budget_.spend(element_bytes);
        if (const auto done = write(access_, host_, place->va, {in, element_bytes}); !done)
            return tl::unexpected(done.error());
        return 1;
    }
    std::size_t count = affordable(place->count, element_bytes);
    if (segment.stride == element_bytes && count * element_bytes >= LARGE_PIECE) {
        if (const auto done = write(access_, host_, place->va, {in, count * element_bytes}); !done)
            return tl::unexpected(done.error());
    } else if (place->hbm != nullptr) {
        touch_elements(*place, segment.stride, element_bytes, count, true);
        copy_elements(element_bytes, place->hbm, segment.stride, in, element_bytes, count);
        elements_written(*place, segment.stride, element_bytes, count);
    } else {
        count = segment.stride == element_bytes ? std::min<std::size_t>(count, CHUNK / element_bytes) : 1;
        touch_elements(*place, segment.stride, element_bytes, count, true);
        if (!host_.write(place->bus, {in, count * element_bytes}))
            return bus_fault(place->va, place->bus, true);
    }
    budget_.spend(count * element_bytes);
    return count;
}

// In host memory, or across the end of a page: through a copy.
MemoryResult<void> DmaMemory::combine_dense(const Place &place, spec::Dtype dtype, spec::DmaOp op, const float *in,
                                            std::size_t count) {
    const std::uint32_t element_bytes = spec::bytes(dtype);
    const auto copy = std::span<std::byte>(bounce_).first(count * element_bytes);
    if (const auto done = read(access_, host_, place.va, copy); !done)
        return done;
    chip::combine(op, dtype, copy.data(), element_bytes, in, count);
    return write(access_, host_, place.va, copy);
}

MemoryResult<std::size_t> DmaMemory::combine(const Segment &segment, spec::Dtype dtype, spec::DmaOp op,
                                             const float *in) {
    static_assert(COMBINE_ELEMENTS * sizeof(float) <= BOUNCE_BYTES);
    const std::uint32_t element_bytes = spec::bytes(dtype);
    const auto place = locate(segment, element_bytes, true);
    if (!place)
        return tl::unexpected(place.error());
    std::size_t count = std::min(affordable(place->count, element_bytes), COMBINE_ELEMENTS);
    const bool apart = distance(segment.stride) >= element_bytes;
    const bool dense = segment.stride == element_bytes;
    if (place->count == 0 || !apart || (place->hbm == nullptr && !dense))
        count = 1;
    if (place->hbm != nullptr && place->count != 0) {
        const auto readable = sound_elements(*place, segment.stride, element_bytes, count);
        if (!readable)
            return readable;
        count = *readable;
    }
    budget_.spend(count * element_bytes);
    if (place->hbm == nullptr || place->count == 0) {
        if (const auto done = combine_dense(*place, dtype, op, in, count); !done)
            return tl::unexpected(done.error());
        return count;
    }
    touch_elements(*place, segment.stride, element_bytes, count, false);
    touch_elements(*place, segment.stride, element_bytes, count, true);
    chip::combine(op, dtype, place->hbm, segment.stride, in, count);
    elements_written(*place, segment.stride, element_bytes, count);
    return count;
}

} // namespace neuron::chip
