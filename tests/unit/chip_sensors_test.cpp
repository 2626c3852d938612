// SPDX-License-Identifier: MIT
// Temperature, power and energy: the model by itself, and what the chip tells it.
#include "control/power_model.hpp"

#include "chip_program.hpp"

#include <cmath>

namespace {

using namespace chip_test;
using neuron::chip::PowerModel;
using spec::Fault;

constexpr std::uint64_t SECOND = 1'000'000'000;

const spec::ProfileDesc &profile() { return *spec::find_profile("trn2"); }
double idle_mc() { return profile().ambient_mc + profile().thermal_mk_per_w * (profile().idle_mw / 1e3); }

PowerModel::Work busy(std::uint64_t time_ns, std::uint32_t cores, std::uint64_t bytes = 0) {
    return {.time_ns = time_ns, .core_ns = cores * time_ns, .moved_bytes = bytes};
}

void assert_near(double value, double expected, double tolerance) {
    if (std::fabs(value - expected) > tolerance)
        fail_msg("%f is not %f", value, expected);
}

void an_idle_device_is_in_balance(void **) {
    PowerModel model(profile());
    for (std::uint64_t time = 0; time < 100 * SECOND; time += 7 * SECOND) {
        model.advance(busy(time, 0));
        const auto reading = model.read(busy(time, 0));
        assert_near(reading.temperature_mc, idle_mc(), 1);
        assert_int_equal(reading.power_uw, profile().idle_mw * 1000);
        assert_int_equal(reading.energy_uj, time / 1000 * profile().idle_mw / 1000);
    }
}

void energy_is_exact_for_years(void **) {
    PowerModel model(profile());
    constexpr std::uint64_t YEARS = 10ULL * 365 * 86400;
    const auto work = busy(YEARS * SECOND, 8, 1ULL << 60);
    const auto reading = model.read(work);
    __extension__ using Wide = unsigned __int128;
    const Wide all =
        Wide{profile().idle_mw + 8 * profile().core_mw} * work.time_ns + Wide{profile().byte_pj} * work.moved_bytes;
    assert_int_equal(reading.energy_uj, static_cast<std::uint64_t>(all / 1'000'000));
}

void power_and_temperature_follow_with_their_time_constants(void **) {
    PowerModel model(profile());
    const double load_mw = 8.0 * profile().core_mw;
    const double part = 1 - std::exp(-1.0);
    const auto after = [&](std::uint64_t ms) { return model.read(busy(ms * 1'000'000, 8)); };
    assert_near(after(spec::SENSOR_AVERAGE_MS).power_uw, (profile().idle_mw + part * load_mw) * 1e3, 1e3);
    assert_near(after(profile().thermal_ms).temperature_mc,
                idle_mc() + part * profile().thermal_mk_per_w * load_mw / 1e3, 2);
    assert_near(after(100 * profile().thermal_ms).power_uw, (profile().idle_mw + load_mw) * 1e3, 1e3);
    assert_near(after(100 * profile().thermal_ms).temperature_mc,
                idle_mc() + profile().thermal_mk_per_w * load_mw / 1e3, 2);
}

void the_size_of_the_steps_does_not_matter(void **) {
    PowerModel fine(profile()), coarse(profile());
    for (std::uint64_t time = 0; time <= 3 * SECOND; time += SECOND / 1000)
        fine.advance(busy(time, 5, time / 10));
    const auto a = fine.read(busy(4 * SECOND, 5, 4 * SECOND / 10));
    const auto b = coarse.read(busy(4 * SECOND, 5, 4 * SECOND / 10));
    assert_near(a.temperature_mc, b.temperature_mc, 1);
    assert_near(a.power_uw, b.power_uw, 2);
    assert_int_equal(a.energy_uj, b.energy_uj);
}

void impossible_power_is_the_most_that_fits(void **) {
    PowerModel model(profile());
    model.advance(busy(1000, 0));
    const auto reading = model.read({.time_ns = 1001, .core_ns = ~0ULL, .moved_bytes = ~0ULL});
    assert_int_equal(reading.power_uw, 0xffffffff);
}

// ---- the chip -------------------------------------------------------------------------------------------------------

std::uint64_t energy(Machine &m, std::uint64_t core_ns, std::uint64_t bytes) {
    return (profile().idle_mw * m.r64(reg::GLOBAL_CLOCK_NS) + profile().core_mw * core_ns + profile().byte_pj * bytes) /
           1'000'000;
}

void registers_of_an_idle_chip(void **state) {
    Machine m(mode_of(state));
    const auto check = [&] {
        assert_near(static_cast<std::int32_t>(m.r32(reg::GLOBAL_TEMPERATURE)), idle_mc(), 1);
        assert_near(m.r32(reg::GLOBAL_POWER_UW), profile().idle_mw * 1e3, 2);
    };
    check();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    check();
    const std::uint64_t low = energy(m, 0, 0), seen = m.r64(reg::GLOBAL_ENERGY_UJ), high = energy(m, 0, 0);
    assert_in_range(seen, low, high);
    for (const std::uint64_t offset : {reg::GLOBAL_TEMPERATURE, reg::GLOBAL_POWER_UW, reg::GLOBAL_ENERGY_UJ})
        m.w32(offset, 0);
    assert_int_equal(m.bad(), 3);
    check();
}

void packets_and_transfers_count_their_bytes(void **) {
    Machine m(STEPPED);
    Runner r(m);
    std::uint64_t bytes = 0;
    const auto run = [&](const auto &packet, std::uint64_t moved) {
        assert_int_equal(r.queue.run(packet), Fault::NONE);
        bytes += moved;
        assert_int_equal(m.r64(reg::GLOBAL_ENERGY_UJ), energy(m, m.r64(reg::QUEUE_CORE_NS(0)), bytes));
    };
    const std::uint64_t data = Runner::DATA;
    run(spec::PacketCopy{.src = data, .dst = data + MiB, .bytes = 999'999}, 999'999);
    run(spec::PacketFill{.dst = data, .bytes = 777'777}, 777'777);
    run(spec::PacketCopyStrided{.row_bytes = 100,
                                .src = data,
                                .dst = data + MiB,
                                .count = {300, 9, 1},
                                .src_stride = {200, 60000, 0},
                                .dst_stride = {100, 30000, 0}},
        300 * 9 * 100);
    run(spec::PacketNop{}, 0);
}

void transfers_count_what_arrives(void **) {
    Machine m(STEPPED);
    Runner r(m);
    Program p;
    const spec::Tile words = tile(64, 512), halves = tile(64, 512, 8192, spec::Dtype::BF16);
    const auto rows = mem(0, 512);
    p.add(Engine::SP, load(words, rows, 0, add(1, 1)));                                    // straight into place
    p.add(Engine::SP, store(mem(0, 512, 4, MiB), words, 1, sync(spec::WaitOp::GE, 1, 1))); // and out of it
    spec::Mem floats = rows;
    floats.dtype = spec::raw(spec::Dtype::F32);
    p.add(Engine::SP, load(halves, floats, 2)); // converted: half of it arrives
    spec::Mem wide = mem(0, 2048);
    spec::Mem wide_to = mem(0, 2048, 4, 2 * static_cast<std::int64_t>(MiB));
    wide.dtype = wide_to.dtype = spec::raw(spec::Dtype::U32);
    p.add(Engine::SP, spec::InsnDmaCopy{.dst = wide_to, .src = wide, .rows = 32, .ring = 3});
    p.add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
    assert_int_equal(r.run(p), Fault::NONE);
    const std::uint64_t tile_bytes = 64 * 512 * 4;
    const std::uint64_t bytes = 2 * tile_bytes + tile_bytes / 2 + 32 * 2048 * 4;
    assert_int_equal(m.r64(reg::GLOBAL_ENERGY_UJ), energy(m, m.r64(reg::QUEUE_CORE_NS(0)), bytes));
}

Program endless_program() {
    Program p;
    p.add(Engine::SP, jump(0));
    return p;
}

void busy_cores_make_it_warm(void **) {
    Machine m({.stepped = true, .seed = 3, .cores = 8});
    Runner a(m, 1, 0), b(m, 2, 1, 4 * MiB);
    a.queue.submit(a.prepare(endless_program(), {Runner::DATA}, 0x0f));
    b.queue.submit(b.prepare(endless_program(), {Runner::DATA}, 0x70));
    neuron_chip_run(m.chip, 1'000'000);
    const double passed_ms = static_cast<double>(m.r64(reg::GLOBAL_CLOCK_NS)) / 1e6;
    const double load_mw = 7.0 * profile().core_mw;
    const double warmer =
        profile().thermal_mk_per_w * load_mw / 1e3 * (1 - std::exp(-passed_ms / profile().thermal_ms));
    assert_true(warmer > 100);
    assert_near(m.r32(reg::GLOBAL_TEMPERATURE), idle_mc() + warmer, 2);
    const double more = load_mw * (1 - std::exp(-passed_ms / spec::SENSOR_AVERAGE_MS));
    assert_near(m.r32(reg::GLOBAL_POWER_UW), (profile().idle_mw + more) * 1e3, 10e3);
    assert_int_equal(m.r64(reg::GLOBAL_ENERGY_UJ),
                     energy(m, m.r64(reg::QUEUE_CORE_NS(0)) + m.r64(reg::QUEUE_CORE_NS(1)), 0));
    // Two of them rest: less from now on, and what was used stays.
    a.queue.disable();
    while (a.queue.busy())
        neuron_chip_run(m.chip, 1);
    neuron_chip_run(m.chip, 1'000'000);
    assert_int_equal(m.r64(reg::GLOBAL_ENERGY_UJ),
                     energy(m, m.r64(reg::QUEUE_CORE_NS(0)) + m.r64(reg::QUEUE_CORE_NS(1)), 0));
    a.queue.enable(); // forgets its own time, not the chip's
    assert_true(m.r64(reg::GLOBAL_ENERGY_UJ) > energy(m, m.r64(reg::QUEUE_CORE_NS(1)), 0));
}

void a_reset_begins_anew(void **state) {
    Mode mode = mode_of(state);
    Machine m(mode);
    Runner r(m);
    assert_int_equal(r.queue.run(spec::PacketFill{.dst = Runner::DATA, .bytes = 4 * MiB}), Fault::NONE);
    r.queue.submit(r.prepare(endless_program(), {Runner::DATA}, 3));
    assert_true(eventually([&] {
        if (mode.stepped)
            neuron_chip_run(m.chip, 1000);
        return m.r64(reg::QUEUE_CORE_NS(0)) != 0;
    }));
    neuron_chip_reset(m.chip);
    const auto check = [&] {
        const std::uint64_t low = energy(m, 0, 0), seen = m.r64(reg::GLOBAL_ENERGY_UJ), high = energy(m, 0, 0);
        assert_in_range(seen, low, high);
        assert_near(static_cast<std::int32_t>(m.r32(reg::GLOBAL_TEMPERATURE)), idle_mc(), 1);
    };
    check();
    m.settle();
    assert_true(m.ready());
    check();
}

// Somebody who looks all the time, and somebody who looks once.
void a_look_changes_nothing(void **) {
    const auto run = [](bool curious) {
        Machine m({.stepped = true, .seed = 5, .cores = 8});
        Runner r(m);
        r.queue.submit(r.prepare(endless_program(), {Runner::DATA}, 0xff));
        for (int i = 0; i < 3000; ++i) {
            neuron_chip_run(m.chip, 333);
            if (curious) {
                m.r32(reg::GLOBAL_TEMPERATURE);
                m.r32(reg::GLOBAL_POWER_UW);
                m.r64(reg::GLOBAL_ENERGY_UJ);
            }
            if (i == 1500)
                r.queue.disable();
        }
        return std::array<std::uint64_t, 3>{m.r32(reg::GLOBAL_TEMPERATURE), m.r32(reg::GLOBAL_POWER_UW),
                                            m.r64(reg::GLOBAL_ENERGY_UJ)};
    };
    assert_true(run(true) == run(false));
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_device_is_in_balance),
        cmocka_unit_test(energy_is_exact_for_years),
        cmocka_unit_test(power_and_temperature_follow_with_their_time_constants),
        cmocka_unit_test(the_size_of_the_steps_does_not_matter),
        cmocka_unit_test(impossible_power_is_the_most_that_fits),
        IN_BOTH_MODES(registers_of_an_idle_chip),
        cmocka_unit_test(packets_and_transfers_count_their_bytes),
        cmocka_unit_test(transfers_count_what_arrives),
        cmocka_unit_test(busy_cores_make_it_warm),
        IN_BOTH_MODES(a_reset_begins_anew),
        cmocka_unit_test(a_look_changes_nothing),
    };
    return cmocka_run_group_tests_name("chip sensors", tests, nullptr, nullptr);
}
