// SPDX-License-Identifier: MIT
/**
 * @file
 * kernels/collectives/ring.s in C++, function for macro. That file says how it works.
 */
#pragma once

#include <neuron/builder.hpp>

namespace builder_test {

struct RingOptions {
    std::int64_t cores = 2;
    std::int64_t chips = 1;
    std::int64_t columns = 256;
    bool reduce = true;
    bool gather = true;
};

template<neuron::spec::Dtype D>
class Ring {
    template<neuron::spec::Engine E>
    using On = neuron::builder::Engine<E>;
    using Sum = neuron::builder::Sum;
    using Dim = neuron::builder::Dim;
    template<std::int64_t N>
    static constexpr auto sem = neuron::builder::sem<N>;
    template<std::int64_t N>
    static constexpr auto reg = neuron::builder::reg<N>;

    static constexpr std::int64_t rows = 128, size = neuron::builder::element_bytes(D);
    static constexpr auto loaded = sem<0>, arrived = sem<1>, added = sem<2>, gathered = sem<3>, stored = sem<4>,
                          sent = sem<5>, barrier = sem<6>, halfway = sem<7>;
    static constexpr auto core = reg<1>, rank = reg<2>, next = reg<3>, at = reg<4>, row = reg<5>, chip = reg<6>,
                          other = reg<7>, flag = reg<8>, box = reg<9>;

public:
    Ring(neuron::builder::Kernel &kernel, const RingOptions &options)
        : kernel_(kernel),
          o_(options),
          ranks_(o_.cores * o_.chips),
          steps_(ranks_ - 1),
          all_(ranks_ * o_.columns),
          chunk_bytes_(size * o_.columns),
          in_columns_(o_.reduce ? all_ : o_.columns),
          out_columns_(o_.gather ? all_ : o_.columns),
          gathered_(o_.reduce ? steps_ : 0),
          slots_(gathered_ + (o_.gather ? steps_ : 0)),
          slot_bytes_(rows * chunk_bytes_),
          arrivals_(ranks_ * chunk_bytes_) {}

    void build() {
        using namespace neuron::builder;
        kernel_.cores(o_.cores);
        kernel_.sbuf_bytes(arrivals_ + steps_ * chunk_bytes_);
        const auto scope = kernel_.scope(); // of the macro
        x_.emplace(kernel_.in<D>("X", {o_.cores, rows, in_columns_}));
        y_.emplace(kernel_.out<D>("Y", {o_.cores, rows, out_columns_}));
        if (o_.chips > 1) {
            chip_.emplace(kernel_.scalar("CHIP"));
            box_.emplace(kernel_.inout<D>("BOX", {o_.chips, slots_, rows, o_.columns}));
            flags_.emplace(kernel_.inout<u32>("FLAGS", {o_.chips}));
        }
        move();
        if (o_.reduce && ranks_ > 1)
            add();
        if (o_.chips > 1)
            fetch_all();
    }

private:
    auto chunk(const Sum &to, std::int64_t columns) const {
        using namespace neuron::builder;
        return sbuf<D>(partitions<rows>(), to, dims(columns));
    }

    template<neuron::spec::Engine E>
    void who_am_i(const On<E> &e) {
        const auto scope = e.scope();
        e.core_rank(core);
        if (o_.chips > 1) {
            e.load_arg(chip, *chip_);
            e.mul(rank, chip, o_.cores);
            e.add(rank, rank, core);
        } else {
            e.add(rank, core, 0);
        }
    }

    template<neuron::spec::Engine E>
    void chunk_at(const On<E> &e, std::int64_t back) {
        const auto scope = e.scope();
        const auto inside = e.label("inside");
        e.add(at, rank, ranks_ - back);
        e.blt(at, ranks_, inside);
        e.sub(at, at, ranks_);
        e.place(inside);
        e.mul(at, at, chunk_bytes_);
    }

    void send_on(const On<neuron::spec::Engine::SP> &sp, const Sum &to, const neuron::builder::Semaphore &semaphore,
                 std::int64_t slot) {
        const auto scope = sp.scope();
        const auto far = sp.label("far"), done = sp.label("sent");
        if (o_.chips > 1)
            sp.beq(core, o_.cores - 1, far);
        if (o_.cores > 1 || o_.chips == 1)
            sp.dma_send(chunk(to, o_.columns), chunk(at, o_.columns), next, semaphore, 1, {.ring = 1}).then(sent += 1);
        if (o_.chips > 1) {
            sp.jump(done);
            sp.place(far);
            sp.dma_store(box_->block(box + slot * slot_bytes_, rows, o_.columns), chunk(at, o_.columns), {.ring = 1})
                .then(sent += 1);
            sp.move(flag, slot + 1);
            sp.mem_store(flags_->element(other << 2), flag).wait(sent >= slot + 1);
            sp.place(done);
        }
    }

    void fetch(const On<neuron::spec::Engine::POOL> &pool, const Sum &to, const neuron::builder::Semaphore &semaphore,
               std::int64_t slot) {
        const auto scope = pool.scope();
        const auto look = pool.here("look");
        pool.mem_load(flag, flags_->element(chip << 2));
        pool.blt(flag, slot + 1, look);
        pool.dma_load(chunk(to, o_.columns), box_->block(box + slot * slot_bytes_, rows, o_.columns), {.ring = 3})
            .then(semaphore += 1);
    }

    // Runs the body once for each step, as .rept does.
    template<neuron::spec::Engine E, class Body>
    void each_step(const On<E> &e, Body body) {
        for (std::int64_t step = 0; step < steps_; ++step) {
            const auto scope = e.scope();
            body(step);
        }
    }

    void move() {
        const auto sp = kernel_.sp();
        who_am_i(sp);
        sp.add(next, core, 1);
        const auto inside = sp.label("inside"), before_last = sp.label("before_last");
        sp.blt(next, o_.cores, inside);
        sp.move(next, 0);
        sp.place(inside);
        if (o_.chips > 1) {
            sp.add(other, chip, 1);
            sp.blt(other, o_.chips, before_last);
            sp.move(other, 0);
            sp.place(before_last);
            sp.mul(box, other, slots_ * slot_bytes_);
        }
        sp.mul(row, core, rows * size * in_columns_);
        if (!o_.reduce)
            chunk_at(sp, 0);
        sp.dma_load(o_.reduce ? chunk(0, in_columns_) : chunk(at, o_.columns),
                    x_->block(row, rows, o_.reduce ? in_columns_ : o_.columns), {.ring = 0})
            .then(loaded += 1);
        sp.nop().wait(loaded >= 1);
        if (o_.reduce) {
            each_step(sp, [&](std::int64_t step) {
                chunk_at(sp, 1 + step);
                sp.nop().wait(added >= step);
                send_on(sp, arrivals_ + step * chunk_bytes_, arrived, step);
            });
            sp.nop().wait(added >= steps_);
        }
        if (o_.reduce && o_.gather && o_.chips > 1) {
            sp.nop().wait(sent >= steps_);
            if (o_.cores > 1)
                sp.core_barrier(barrier);
            sp.nop().then(halfway += 1);
        }
        if (o_.gather) {
            each_step(sp, [&](std::int64_t step) {
                chunk_at(sp, step);
                sp.nop().wait(gathered >= step);
                send_on(sp, at, gathered, gathered_ + step);
            });
            sp.nop().wait(gathered >= steps_);
        }
        sp.mul(row, core, rows * size * out_columns_);
        if (!o_.gather)
            chunk_at(sp, 0);
        sp.dma_store(y_->block(row, rows, o_.gather ? out_columns_ : o_.columns),
                     o_.gather ? chunk(0, out_columns_) : chunk(at, o_.columns), {.ring = 2})
            .then(stored += 1);
        sp.nop().wait(stored >= 1);
        sp.end();
    }

    void add() {
        const auto dve = kernel_.dve();
        who_am_i(dve);
        dve.nop().wait(loaded >= 1);
        each_step(dve, [&](std::int64_t step) {
            chunk_at(dve, 2 + step);
            dve.tensor_tensor(chunk(at, o_.columns), chunk(arrivals_ + step * chunk_bytes_, o_.columns),
                              chunk(at, o_.columns), neuron::spec::TensorOp::ADD)
                .wait(arrived >= step + 1)
                .then(added += 1);
        });
        dve.end();
    }

    void fetch_all() {
        const auto pool = kernel_.pool();
        who_am_i(pool);
        const auto others = pool.label("others");
        pool.bne(core, 0, others);
        pool.mul(box, chip, slots_ * slot_bytes_);
        if (o_.reduce)
            each_step(pool, [&](std::int64_t step) { fetch(pool, arrivals_ + step * chunk_bytes_, arrived, step); });
        if (o_.gather) {
            if (o_.reduce)
                pool.nop().wait(halfway >= 1);
            each_step(pool, [&](std::int64_t step) {
                chunk_at(pool, 1 + step);
                fetch(pool, at, gathered, gathered_ + step);
            });
        }
        pool.place(others);
        pool.end();
    }

    neuron::builder::Kernel &kernel_;
    RingOptions o_;
    std::int64_t ranks_, steps_, all_, chunk_bytes_, in_columns_, out_columns_, gathered_, slots_, slot_bytes_,
        arrivals_;
    std::optional<neuron::builder::Tensor<D>> x_, y_, box_;
    std::optional<neuron::builder::ScalarParam> chip_;
    std::optional<neuron::builder::Tensor<neuron::builder::u32>> flags_;
};

} // namespace builder_test
