// SPDX-License-Identifier: MIT
// What the tests of the DMA instructions share: memory whose pages are out of order, and the walks of the contract one
// element at a time.
#ifndef NEURON_TESTS_CHIP_DMA_HPP
#define NEURON_TESTS_CHIP_DMA_HPP

#include "chip_program.hpp"
#include "compute/convert.hpp"

#include <bit>

namespace chip_test {

using spec::DmaOp;
using spec::Dtype;

/// A runner with two more areas, one in HBM and one in host memory, whose pages lie in descending order: an access that
/// forgets to translate each page goes wrong.
class DmaRunner : public Runner {
public:
    static constexpr std::uint64_t HBM_AREA = 0x5000'0000;
    static constexpr std::uint64_t HOST_AREA = 0x6000'0000;
    static constexpr std::uint64_t AREA_BYTES = 2 * MiB;

    explicit DmaRunner(Machine &machine) : Runner(machine), host_(machine.host.alloc(AREA_BYTES)) {
        for (std::uint64_t at = 0; at < AREA_BYTES; at += PAGE) {
            ctx.map(HBM_AREA + at, HBM_PHYS + AREA_BYTES - PAGE - at, PAGE, Context::HBM | Context::WRITE);
            ctx.map(HOST_AREA + at, host_ + AREA_BYTES - PAGE - at, PAGE, Context::WRITE);
        }
    }

    /// The byte at a context address of one of the areas, or of DATA.
    std::byte &byte(std::uint64_t va) {
        if (va - DATA < DATA_BYTES)
            return *data(va - DATA);
        const bool hbm = va - HBM_AREA < AREA_BYTES;
        const std::uint64_t offset = va - (hbm ? HBM_AREA : HOST_AREA);
        const std::uint64_t phys = AREA_BYTES - PAGE - offset / PAGE * PAGE + offset % PAGE;
        return hbm ? *m.hbm(HBM_PHYS + phys) : *m.host.at(host_ + phys);
    }
    void put(std::uint64_t va, std::span<const std::byte> bytes) {
        for (const std::byte b : bytes)
            byte(va++) = b;
    }
    Bytes get(std::uint64_t va, std::size_t bytes) {
        Bytes out(bytes);
        for (std::byte &b : out)
            b = byte(va++);
        return out;
    }
    template<class T>
    void put_values(std::uint64_t va, const std::vector<T> &values) {
        put(va, std::as_bytes(std::span(values)));
    }
    template<class T>
    std::vector<T> get_values(std::uint64_t va, std::size_t count) {
        const Bytes raw = get(va, count * sizeof(T));
        std::vector<T> values(count);
        std::memcpy(values.data(), raw.data(), raw.size());
        return values;
    }
    /// Runs `program` and returns the record of its fault; code NONE without one.
    spec::EventRecord fault_of(const Program &program, const std::vector<std::uint64_t> &args,
                               std::uint32_t cores = 1) {
        const std::uint32_t before = m.event_count();
        const spec::Fault fault = run(program, args, cores);
        spec::EventRecord record{};
        if (fault != spec::Fault::NONE) {
            assert_int_equal(m.event_count(), before + 1);
            record = m.event(before);
            m.w32(reg::GLOBAL_EVENT_HEAD, before + 1);
            assert_int_equal(record.code, fault);
            restart();
        }
        return record;
    }

private:
    static constexpr std::uint64_t HBM_PHYS = 8 * MiB;
    std::uint64_t host_;
};

inline constexpr std::uint64_t AREAS[] = {DmaRunner::HBM_AREA, DmaRunner::HOST_AREA};

/// Addresses of the elements of `rows` rows in order, from address `base` on. Without registers.
inline std::vector<std::uint64_t> walk(const spec::Mem &mem, std::uint32_t rows, std::uint64_t base) {
    std::vector<std::uint64_t> addresses;
    for (std::uint32_t p = 0; p < rows; ++p)
        for (std::uint32_t i2 = 0; i2 < mem.num[2]; ++i2)
            for (std::uint32_t i1 = 0; i1 < mem.num[1]; ++i1)
                for (std::uint32_t i0 = 0; i0 < mem.num[0]; ++i0)
                    addresses.push_back(base + static_cast<std::uint64_t>(
                                                   mem.offset + std::int64_t{p} * mem.partition_stride +
                                                   std::int64_t{i2} * mem.stride[2] + std::int64_t{i1} * mem.stride[1] +
                                                   std::int64_t{i0} * mem.stride[0]));
    return addresses;
}

/// The elements at `addresses`, one after the other.
inline Bytes collect(DmaRunner &r, const std::vector<std::uint64_t> &addresses, std::uint32_t element_bytes) {
    Bytes out;
    for (const std::uint64_t va : addresses) {
        const Bytes element = r.get(va, element_bytes);
        out.insert(out.end(), element.begin(), element.end());
    }
    return out;
}

/// `bytes` of type `from` as type `to`.
inline Bytes converted(Dtype to, Dtype from, const Bytes &bytes) {
    const std::size_t count = bytes.size() / spec::bytes(from);
    Bytes out(count * spec::bytes(to));
    neuron::chip::convert(to, out.data(), from, bytes.data(), count);
    return out;
}

inline spec::Mem typed(spec::Mem mem, Dtype dtype) {
    mem.dtype = spec::raw(dtype);
    return mem;
}
inline spec::Tile in_psum(spec::Tile tile) {
    tile.space = spec::Space::PSUM;
    return tile;
}
inline spec::Tile from_partition(spec::Tile tile, std::uint8_t partition) {
    tile.partition = partition;
    return tile;
}
inline float f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }
inline std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// Every element type of the default chip.
inline std::vector<Dtype> dtypes() {
    std::vector<Dtype> all;
    for (const Dtype dtype : spec::values<Dtype>())
        if (spec::enum_desc<Dtype>().find(std::uint64_t{spec::raw(dtype)})->since <= 2)
            all.push_back(dtype);
    return all;
}

} // namespace chip_test

#endif // NEURON_TESTS_CHIP_DMA_HPP
