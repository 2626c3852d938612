// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/random.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/random.hpp"

#include "compute/f32_simd-inl.hpp"

#include <algorithm>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

// One vector of counters; each gives WORDS random words.
constexpr std::size_t WORDS = 4;

struct Product {
    VecU32 high, low;
};

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE Product multiply(VecU32 a, std::uint32_t factor) {
    const U32 d;
    const std::uint64_t product = std::uint64_t{hn::GetLane(a)} * factor;
    return {hn::Set(d, static_cast<std::uint32_t>(product >> 32)), hn::Set(d, static_cast<std::uint32_t>(product))};
}
#else
HWY_INLINE Product multiply(VecU32 a, std::uint32_t factor) {
    const U32 d;
    const hn::Repartition<std::uint64_t, U32> wide;
    const VecU32 b = hn::Set(d, factor);
    const auto even = hn::MulEven(a, b);
    const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), b);
    const VecU32 even_high = hn::BitCast(d, hn::ShiftRight<32>(even));
    const VecU32 odd_low = hn::BitCast(d, hn::ShiftLeft<32>(odd));
    return {hn::OddEven(hn::BitCast(d, odd), even_high), hn::OddEven(odd_low, hn::BitCast(d, even))};
}
#endif

// Philox-4x32-10 of J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
HWY_INLINE void philox(VecU32 (&x)[WORDS], std::uint32_t key0, std::uint32_t key1) {
    const U32 d;
    for (int round = 0; round < 10; ++round) {
        const Product p0 = multiply(x[0], 0xD2511F53);
        const Product p1 = multiply(x[2], 0xCD9E8D57);
        x[0] = hn::Xor(hn::Xor(p1.high, x[1]), hn::Set(d, key0));
        x[2] = hn::Xor(hn::Xor(p0.high, x[3]), hn::Set(d, key1));
        x[1] = p1.low;
        x[3] = p0.low;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
}

// The words of as many consecutive counters as a vector has lanes.
HWY_INLINE void block(const RandomStream &stream, std::uint64_t counter, std::uint32_t *out) {
    const U32 d;
    HWY_ALIGN_MAX std::uint32_t low[16], high[16];
    for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
        low[i] = static_cast<std::uint32_t>(counter + i);
        high[i] = static_cast<std::uint32_t>((counter + i) >> 32);
    }
    VecU32 x[WORDS] = {hn::Load(d, low), hn::Load(d, high), hn::Set(d, static_cast<std::uint32_t>(stream.engine)),
                       hn::Zero(d)};
    philox(x, stream.seed, stream.partition);
    hn::StoreInterleaved4(x[0], x[1], x[2], x[3], d, out);
}

void words(const RandomStream &stream, std::uint32_t *out, std::size_t count) {
    const std::size_t step = WORDS * hn::Lanes(U32());
    std::uint64_t counter = stream.first / WORDS;
    std::size_t skip = stream.first % WORDS;
    while (count > 0) {
        const std::size_t part = std::min(count, step - skip);
        if (part == step) {
            block(stream, counter, out);
        } else {
            HWY_ALIGN_MAX std::uint32_t buffer[WORDS * 16];
            block(stream, counter, buffer);
            std::memcpy(out, buffer + skip, part * sizeof(*out));
        }
        skip = 0;
        counter += step / WORDS;
        out += part;
        count -= part;
    }
}

// A vector at a time; what is left in copies.
void drop(const RandomStream &stream, float dropped, float *out, const float *in, std::size_t count) {
    constexpr std::size_t PIECE = 512; // stays in the first-level cache
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    const VecF32 limit = hn::Set(d, dropped);
    HWY_ALIGN_MAX std::uint32_t piece[PIECE];
    const auto kept = [&](const std::uint32_t *word, VecF32 element) HWY_ATTR {
        const auto upper = hn::BitCast(I32(), hn::ShiftRight<8>(hn::LoadU(U32(), word)));
        const VecF32 uniform = hn::Mul(hn::ConvertTo(d, upper), hn::Set(d, 0x1p-24f));
        return canonical_nan(hn::IfThenZeroElse(hn::Lt(uniform, limit), element));
    };
    for (std::size_t done = 0; done < count; done += PIECE, out += PIECE, in += PIECE) {
        const std::size_t part = std::min(PIECE, count - done);
        words(stream.from(done), piece, part);
        std::size_t i = 0;
        for (; i + lanes <= part; i += lanes) {
            hn::StoreU(kept(piece + i, hn::LoadU(d, in + i)), d, out + i);
        }
        if (i < part) {
            float last[MAX_LANES] = {};
            std::uint32_t last_words[MAX_LANES] = {};
            std::memcpy(last, in + i, (part - i) * sizeof(*last));
            std::memcpy(last_words, piece + i, (part - i) * sizeof(*last_words));
            hn::StoreU(kept(last_words, hn::LoadU(d, last)), d, last);
            std::memcpy(out + i, last, (part - i) * sizeof(*last));
        }
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(words);
HWY_EXPORT(drop);

void random_words(const RandomStream &stream, std::uint32_t *out, std::size_t count) {
    HWY_DYNAMIC_DISPATCH(words)(stream, out, count);
}

void drop_at_random(const RandomStream &stream, float dropped, float *out, const float *in, std::size_t count) {
    HWY_DYNAMIC_DISPATCH(drop)(stream, dropped, out, in, count);
}

} // namespace neuron::chip
#endif // HWY_ONCE
