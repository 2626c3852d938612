// SPDX-License-Identifier: MIT
/**
 * @file
 * kernels/matmul/matmul.s in C++, function for macro. That file says how it works.
 */
#pragma once

#include <algorithm>
#include <string>

#include <neuron/builder.hpp>

namespace builder_test {

namespace nb = neuron::builder;
using neuron::spec::Engine;
using neuron::spec::MatmulFlag;

struct MatmulOptions {
    std::int64_t m = 512;
    std::int64_t n = 512;
    std::int64_t k = 512;
};

/** In and Out: f32 or bf16. */
template<neuron::spec::Dtype In, neuron::spec::Dtype Out>
class Matmul {
    using Spec = neuron::spec::Dtype;
    template<Engine E>
    using On = nb::Engine<E>;
    using Flags = nb::Flags<MatmulFlag>;

    static constexpr bool out_f32 = Out == nb::f32;
    static constexpr int in_shift = In == nb::f32 ? 2 : 1;
    static constexpr int out_shift = out_f32 ? 2 : 1;
    static constexpr std::int64_t tile_k = 128, tile_m = 128, tile_n = 512, block_m = 4 * tile_m;
    static constexpr std::int64_t slots = 4, a_tile_bytes = tile_m << in_shift, b_at = block_m << in_shift;
    static constexpr std::int64_t slot_bytes = 2 * std::max(block_m, tile_n) << in_shift;
    static constexpr std::int64_t outs = 2, out_at = slots * slot_bytes, out_bytes = tile_n * 2;
    static constexpr std::int64_t banks = neuron::spec::PSUM_BANKS, bank_bytes = neuron::spec::PSUM_BANK_BYTES;

    static constexpr auto slot_free = nb::sem<0>, a_full = nb::sem<1>, b_full = nb::sem<2>;
    static constexpr auto bank_free = nb::sem<3>, bank_full = nb::sem<4>, out_free = nb::sem<5>;
    static constexpr auto m = nb::reg<1>, n = nb::reg<2>, k = nb::reg<3>, m0 = nb::reg<4>, n0 = nb::reg<5>;
    static constexpr auto slot = nb::reg<6>, bank = nb::reg<7>, out = nb::reg<8>;
    static constexpr auto a = nb::reg<9>, b = nb::reg<10>, c = nb::reg<11>, cores = nb::reg<12>;

public:
    Matmul(nb::Kernel &kernel, const MatmulOptions &options)
        : kernel_(kernel),
          o_(options),
          A_(kernel.in<In>("A", {o_.k, o_.m})),
          B_(kernel.in<In>("B", {o_.k, o_.n})),
          C_(kernel.out<Out>("C", {o_.m, o_.n})),
          k_steps_(cdiv(o_.k, tile_k)),
          m_blocks_(cdiv(o_.m, block_m)),
          n_blocks_(cdiv(o_.n, tile_n)),
          k_last_(o_.k - (k_steps_ - 1) * tile_k),
          m_last_(o_.m - (m_blocks_ - 1) * block_m),
          n_last_(o_.n - (n_blocks_ - 1) * tile_n) {}

    void build() {
        kernel_.sbuf_bytes(out_at + outs * out_bytes);
        const auto sp = kernel_.sp();
        sp.nop().then(slot_free = slots);
        sp.move(slot, 0);
        for_each_block(sp, [&](std::int64_t mt, std::int64_t nt) { load_block(sp, mt, nt); });

        const auto pe = kernel_.pe();
        pe.nop().then(bank_free = banks);
        pe.move(slot, 0);
        pe.move(bank, 0);
        for_each_block(pe, [&](std::int64_t mt, std::int64_t nt) { multiply_block(pe, mt, nt); });

        const auto act = kernel_.act();
        act.nop().then(out_free = outs);
        act.move(bank, 0);
        act.move(out, 0);
        for_each_block(act, [&](std::int64_t mt, std::int64_t nt) { store_block(act, mt, nt); });
    }

private:
    static constexpr std::int64_t cdiv(std::int64_t x, std::int64_t y) { return (x + y - 1) / y; }

    template<Engine E>
    static void advance(const On<E> &e, nb::Reg place, std::int64_t bytes, std::int64_t ring_bytes) {
        const auto scope = e.scope();
        e.add(place, place, bytes);
        e.and_(place, place, ring_bytes - 1);
    }

    template<Engine E, class Block>
    void sized(const On<E> &e, Block block, std::int64_t mt) {
        const auto scope = e.scope();
        if (n_last_ == tile_n)
            return block(mt, tile_n);
        if (n_blocks_ == 1)
            return block(mt, n_last_);
        const auto last = e.label("last"), end = e.label("end");
        e.beq(n, n_blocks_ - 1, last);
        block(mt, tile_n);
        e.jump(end);
        e.place(last);
        block(mt, n_last_);
        e.place(end);
        e.nop();
    }

    template<Engine E, class Block>
    void for_each_block(const On<E> &e, Block block) {
        const auto scope = e.scope();
        e.core_rank(n);
        e.core_count(cores);
        e.move(m, 0);
        const auto found = e.label("found"), done = e.label("done"), last = e.label("last"), step = e.label("step");
        const auto row = e.here("row");
        e.blt(n, n_blocks_, found);
        e.sub(n, n, n_blocks_);
        e.add(m, m, 1);
        e.jump(row);
        e.place(found);
        e.bge(m, m_blocks_, done);
        e.mul(m0, m, block_m);
        e.mul(n0, n, tile_n);
        if (m_blocks_ > 1) {
            e.beq(m, m_blocks_ - 1, last);
            sized(e, block, block_m);
            e.jump(step);
        }
        e.place(last);
        sized(e, block, m_last_);
        e.place(step);
        e.add(n, n, cores);
        e.jump(row);
        e.place(done);
        e.end();
    }

    void load_rows(const On<Engine::SP> &sp, std::int64_t kt, std::int64_t mt, std::int64_t nt) {
        const auto scope = sp.scope();
        const auto rows = nb::partitions(kt);
        sp.dma_load(nb::sbuf<In>(rows, slot, nb::dims(mt)), A_.block(a << in_shift, nb::Dim(kt, o_.m << in_shift), mt),
                    {.ring = 0})
            .take(slot_free >= 1)
            .then(a_full += 1);
        sp.dma_load(nb::sbuf<In>(rows, b_at + slot, nb::dims(nt)),
                    B_.block(b << in_shift, nb::Dim(kt, o_.n << in_shift), nt), {.ring = 1})
            .then(b_full += 1);
        advance(sp, slot, slot_bytes, slots * slot_bytes);
    }

    void load_step(const On<Engine::SP> &sp, std::int64_t kt, std::int64_t mt, std::int64_t nt) {
        const auto scope = sp.scope();
        load_rows(sp, kt, mt, nt);
    }

    void load_block(const On<Engine::SP> &sp, std::int64_t mt, std::int64_t nt) {
        const auto scope = sp.scope();
        sp.add(a, m0, 0);
        sp.add(b, n0, 0);
        if (k_steps_ > 1) {
            sp.move(k, 1);
            const auto loop = sp.here("loop");
            load_step(sp, tile_k, mt, nt);
            sp.add(a, a, tile_k * o_.m);
            sp.add(b, b, tile_k * o_.n);
            sp.add(k, k, 1);
            sp.blt(k, k_steps_, loop);
        }
        load_step(sp, k_last_, mt, nt);
    }

    void multiply_tile(const On<Engine::PE> &pe, std::int64_t kt, std::int64_t at, std::int64_t rows, std::int64_t nt,
                       Flags accumulation) {
        const auto scope = pe.scope();
        pe.ldweights(nb::sbuf<In>(nb::partitions(kt), at + slot, nb::dims(rows)));
        pe.matmul(nb::psum<nb::f32>(nb::partitions(rows), bank, nb::dims(nt)),
                  nb::sbuf<In>(nb::partitions(kt), b_at + slot, nb::dims(nt)), {.flags = accumulation});
        advance(pe, bank, bank_bytes, banks * bank_bytes);
    }

    void multiply_step(const On<Engine::PE> &pe, std::int64_t kt, std::int64_t mt, std::int64_t nt,
                       Flags accumulation) {
        const auto scope = pe.scope();
        pe.nop().take(a_full >= 1);
        pe.nop().take(b_full >= 1);
        for (std::int64_t i = 0; i < cdiv(mt, tile_m); ++i) {
            const auto pass = pe.scope();
            multiply_tile(pe, kt, i * a_tile_bytes, std::min(tile_m, mt - i * tile_m), nt, accumulation);
        }
        pe.nop().then(slot_free += 1);
        advance(pe, slot, slot_bytes, slots * slot_bytes);
        advance(pe, bank, -cdiv(mt, tile_m) * bank_bytes, banks * bank_bytes);
    }

    void multiply_block(const On<Engine::PE> &pe, std::int64_t mt, std::int64_t nt) {
        const auto scope = pe.scope();
        pe.nop().take(bank_free >= cdiv(mt, tile_m));
        if (k_steps_ == 1) {
            multiply_step(pe, k_last_, mt, nt, MatmulFlag::START | MatmulFlag::STOP);
        } else {
            multiply_step(pe, tile_k, mt, nt, MatmulFlag::START);
            if (k_steps_ > 2) {
                pe.move(k, 2);
                const auto loop = pe.here("loop");
                multiply_step(pe, tile_k, mt, nt, {});
                pe.add(k, k, 1);
                pe.blt(k, k_steps_, loop);
            }
            multiply_step(pe, k_last_, mt, nt, MatmulFlag::STOP);
        }
        pe.nop().then(bank_full += cdiv(mt, tile_m));
        advance(pe, bank, cdiv(mt, tile_m) * bank_bytes, banks * bank_bytes);
    }

    void store_tile(const On<Engine::ACT> &act, std::int64_t rows, std::int64_t nt) {
        const auto scope = act.scope();
        const auto sums = nb::psum<nb::f32>(nb::partitions(rows), bank, nb::dims(nt));
        const auto to = C_.block(c << out_shift, nb::Dim(rows, o_.n << out_shift), nt);
        if constexpr (out_f32) {
            act.dma_store(to, sums, {.ring = 2}).take(bank_full >= 1).then(bank_free += 1);
        } else {
            const auto rounded = nb::sbuf<nb::bf16>(nb::partitions(rows), out_at + out, nb::dims(nt));
            act.nop().take(out_free >= 1);
            act.copy(rounded, sums).take(bank_full >= 1).then(bank_free += 1);
            act.dma_store(to, rounded, {.ring = 2}).then(out_free += 1);
            advance(act, out, out_bytes, outs * out_bytes);
        }
        act.add(c, c, tile_m * o_.n);
        advance(act, bank, bank_bytes, banks * bank_bytes);
    }

    void store_block(const On<Engine::ACT> &act, std::int64_t mt, std::int64_t nt) {
        const auto scope = act.scope();
        act.mul(c, m0, o_.n);
        act.add(c, c, n0);
        for (std::int64_t i = 0; i < cdiv(mt, tile_m); ++i) {
            const auto pass = act.scope();
            store_tile(act, std::min(tile_m, mt - i * tile_m), nt);
        }
    }

    nb::Kernel &kernel_;
    MatmulOptions o_;
    nb::Tensor<In> A_;
    nb::Tensor<In> B_;
    nb::Tensor<Out> C_;
    std::int64_t k_steps_, m_blocks_, n_blocks_, k_last_, m_last_, n_last_;
};

} // namespace builder_test
