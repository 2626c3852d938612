// SPDX-License-Identifier: MIT
// Streams that are cut off, damaged or made up. Each is refused by name, or is some state that the chip can live with: it
// runs, stops, resets, and computes afterwards.
#include "chip_state_work.hpp"

#include <memory>

namespace {

using namespace chip_test;
using spec::Fault;

// Streams from the middle of the work, with memory as small as the work allows.
template<class W>
std::vector<Bytes> streams(std::uint64_t turn) {
    std::vector<Bytes> all;
    const auto work = std::make_unique<W>(STEPPED);
    work->start();
    for (std::uint64_t steps = 0;; steps += turn) {
        for (std::uint64_t i = 0; i < turn; ++i) {
            work->meanwhile(steps + i);
            if (neuron_chip_run(work->m.chip, 1) == 0)
                return all;
        }
        all.push_back(saved(work->m));
        neuron_chip_resume(work->m.chip);
    }
}

// Where the sections of a stream are, but for those that are memory: their bytes are anybody's.
std::vector<std::pair<std::size_t, std::size_t>> sections(const Bytes &stream) {
    std::vector<std::pair<std::size_t, std::size_t>> all;
    for (std::size_t at = 0; at < stream.size();) {
        const std::string name(reinterpret_cast<const char *>(stream.data() + at), 6);
        std::uint32_t length = 0;
        std::memcpy(&length, stream.data() + at + 20, 4);
        const bool memory = name.starts_with("hbm") || name.starts_with("memory");
        all.emplace_back(at, 24 + (memory ? std::min<std::size_t>(length, 16) : length));
        at += 24 + length;
    }
    return all;
}

/// The chip that has to take it.
class Victim {
public:
    Victim() : m_(STEPPED) {}

    // Whatever was loaded, the chip goes on, and a reset ends it.
    void take(const Bytes &stream) {
        neuron_chip_pause(m_.chip);
        const Outcome outcome = load(m_.chip, stream);
        neuron_chip_resume(m_.chip);
        if (outcome.code != 0)
            assert_true(!outcome.message.empty());
        else
            ++taken_;
        neuron_chip_run(m_.chip, 300);
        m_.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
        for (int i = 0; i < 100 && !m_.ready(); ++i)
            neuron_chip_run(m_.chip, 100);
        // A stream may say that a test wants resets to stick.
        neuron_chip_set_test_fault(m_.chip, 0);
        neuron_chip_run(m_.chip, 10'000);
        assert_true(m_.ready());
        assert_int_equal(neuron_chip_run(m_.chip, 1000), 0);
    }
    unsigned taken() const { return taken_; }

private:
    Machine m_;
    unsigned taken_ = 0;
};

template<class W>
void cut_off_anywhere_it_is_refused(void **) {
    const auto all = streams<W>(97);
    Machine m(STEPPED);
    neuron_chip_pause(m.chip);
    for (const Bytes &stream : all)
        for (const auto &[at, length] : sections(stream))
            for (const std::size_t cut : {at, at + 1, at + 23, at + length / 2, at + length - 1}) {
                const Outcome outcome = load(m.chip, std::span(stream).first(cut));
                assert_int_equal(outcome.code, -EIO);
                assert_string_equal(outcome.message.c_str(), "reading the stream: Input/output error");
            }
}

// One to three bytes differ, in the fields and lengths of some section.
template<class W>
void damaged_it_does_no_harm(void **) {
    const auto all = streams<W>(61);
    Victim victim;
    std::mt19937 random(7);
    unsigned tried = 0;
    for (const Bytes &stream : all) {
        const auto parts = sections(stream);
        for (int round = 0; round < 60; ++round, ++tried) {
            Bytes damaged = stream;
            for (std::uint32_t i = 0, count = 1 + random() % 3; i < count; ++i) {
                const auto &[at, length] = parts[random() % parts.size()];
                static constexpr std::uint8_t VALUES[] = {0, 1, 2, 0x7f, 0x80, 0xff};
                damaged[at + random() % length] = static_cast<std::byte>(
                    random() % 2 != 0 ? VALUES[random() % std::size(VALUES)] : static_cast<std::uint8_t>(random()));
            }
            victim.take(damaged);
        }
    }
    assert_true(victim.taken() > tried / 50); // enough of them got past the checks to show something
    assert_true(victim.taken() < tried);
}

// Sections of two moments, mixed.
template<class W>
void made_up_it_does_no_harm(void **) {
    const auto all = streams<W>(61);
    Victim victim;
    std::mt19937 random(9);
    for (int round = 0; round < 300; ++round) {
        Bytes mixed;
        const Bytes &a = all[random() % all.size()];
        const Bytes &b = all[random() % all.size()];
        const auto parts = sections(a);
        const auto others = sections(b);
        const std::size_t cut = parts[random() % parts.size()].first;
        mixed.assign(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(cut));
        mixed.insert(mixed.end(), b.begin() + static_cast<std::ptrdiff_t>(others[random() % others.size()].first),
                     b.end());
        victim.take(mixed);
    }
}

void assert_message(const Bytes &stream, const char *text) {
    Machine m(STEPPED);
    neuron_chip_pause(m.chip);
    const Outcome outcome = load(m.chip, stream);
    assert_int_equal(outcome.code, -EINVAL);
    assert_string_equal(outcome.message.c_str(), text);
}

void the_message_names_what_is_wrong(void **) {
    const Machine empty(STEPPED);
    Machine m(STEPPED);
    Bytes stream = saved(m);
    Bytes bad = stream;
    bad[24] ^= std::byte{1};
    bad[0] = std::byte{'x'};
    assert_message(bad, "the stream has section 'xhip 0' where 'chip 0' should be");
    bad = stream;
    bad[20] = std::byte{200};
    assert_message(bad, "chip 0: length is more than its fields take");
    bad[20] = std::byte{8};
    assert_message(bad, "chip 0: length is less than its fields take");
    bad = stream;
    bad[24 + 8] = std::byte{9};
    assert_message(bad, "stream version: the saved chip has 9, this one has 5");
}

} // namespace

int main() {
    without_sanitizer();
    const CMUnitTest tests[] = {
        cmocka_unit_test(cut_off_anywhere_it_is_refused<Cores>),
        cmocka_unit_test(cut_off_anywhere_it_is_refused<Endings>),
        cmocka_unit_test(damaged_it_does_no_harm<Packets>),
        cmocka_unit_test(damaged_it_does_no_harm<Compute>),
        cmocka_unit_test(damaged_it_does_no_harm<Transfers>),
        cmocka_unit_test(damaged_it_does_no_harm<Cores>),
        cmocka_unit_test(damaged_it_does_no_harm<Endings>),
        cmocka_unit_test(made_up_it_does_no_harm<Cores>),
        cmocka_unit_test(made_up_it_does_no_harm<Endings>),
        cmocka_unit_test(the_message_names_what_is_wrong),
    };
    return cmocka_run_group_tests_name("damaged chip states", tests, nullptr, nullptr);
}
