// SPDX-License-Identifier: MIT
// The real driver and the library on a device that explores: work on several queues by each way in, launches, queues that are destroyed while they
// work, and resets in the middle, once for each seed.

#include "inspect.hpp"
#include "machine.hpp"

#include "hal_buffers.hpp"
#include "hal_kernels.hpp"

#include <cstdlib>
#include <deque>

using namespace hal_test;
using namespace std::chrono_literals;
using neuron::QueueOptions;
using neuron::SubmitPath;

namespace {

constexpr std::uint64_t SEEDS = 20;
constexpr std::uint64_t RESET_EVERY = 4;
constexpr std::uint64_t WORDS = 16; ///< jobs of a queue
constexpr std::chrono::seconds patience(60);
constexpr SubmitPath WAYS[] = {SubmitPath::uring, SubmitPath::ioctl, SubmitPath::doorbell};

void set_plan(const std::string &text) {
    if (kmod::write_file(kmod::debugfs("fault_plan"), text) != 0)
        fail_msg("%s: %s", text.c_str(), kmod::slurp(kmod::debugfs("fault_plan")).c_str());
}

/// A number of the report, as it is now.
std::uint64_t chosen(const std::string &name) {
    const std::string report = kmod::slurp(kmod::debugfs("fault_plan"));
    const auto at = report.find(" " + name + "=");
    if (at == std::string::npos)
        fail_msg("the report has no %s: %s", name.c_str(), report.c_str());
    return std::stoull(report.substr(at + name.size() + 2), nullptr, 0);
}

struct Work {
    Device device = must(Device::open({.backend = "accel"}));
    Context context = must(Context::create(device));
    std::deque<Queue> queues;
    Buffer words = must(Buffer::create(context, std::size(WAYS) * WORDS * 16));

    Work() {
        for (const SubmitPath way : WAYS) {
            QueueOptions options;
            options.path = way;
            options.ring_log2 = 4; // jobs of two packets: it is full after eight
            queues.push_back(must(Queue::create(context, options)));
        }
    }
    std::uint64_t place(std::size_t queue, std::uint64_t job) const { return (queue * WORDS + job) * 16; }

    /// Job i of a queue writes a word and copies it.
    std::vector<Job> submit() {
        std::vector<Job> last(queues.size());
        for (std::uint64_t i = 0; i < WORDS; ++i)
            for (std::size_t q = 0; q < queues.size(); ++q) {
                const std::uint64_t at = words.va() + place(q, i);
                CommandList list;
                list.fill(at, 8, 1000 * (q + 1) + i).copy(at + 8, at, 8);
                last[q] = must(queues[q].submit(list));
            }
        return last;
    }
    void finish(const std::vector<Job> &jobs) {
        for (std::size_t q = 0; q < queues.size(); ++q) {
            must(queues[q].wait(jobs[q], patience));
            for (std::uint64_t i = 0; i < WORDS; ++i)
                assert_int_equal(word_at(words, place(q, i) + 8), 1000 * (q + 1) + i);
        }
    }
};

void work_is_done() {
    Work work;
    work.finish(work.submit());
}

void queues_are_destroyed_while_they_work() {
    Work work;
    auto program = must(Program::load(work.context, work.queues[0], endless_kernel()));
    {
        Queue endless = must(Queue::create(work.context));
        must(program.launch(endless, {}));
        work.finish(work.submit());
    }
    work.submit();
    work.queues.clear();
}

/// Jobs of before have ended well or not at all, and who comes after it finds a device that works.
void reset_in_the_middle() {
    {
        Work work;
        const auto program = must(Program::load(work.context, work.queues[0], endless_kernel()));
        Queue endless = must(Queue::create(work.context));
        const Job in_flight = must(program.launch(endless, {}));
        const auto jobs = work.submit();
        assert_int_equal(kmod::write_file(kmod::pci_path() + "/reset", "1"), 0);
        must_fail(endless.wait(in_flight, patience), ErrorCode::no_device, "the device was reset or is gone");
        for (std::size_t q = 0; q < work.queues.size(); ++q)
            if (const auto ended = work.queues[q].wait(jobs[q], patience); ended) {
                for (std::uint64_t i = 0; i < WORDS; ++i)
                    assert_int_equal(word_at(work.words, work.place(q, i) + 8), 1000 * (q + 1) + i);
            } else {
                const ErrorCode why = ended.error().code;
                if (why != ErrorCode::canceled && why != ErrorCode::no_device)
                    fail_msg("%s: %s", std::string(neuron::name(why)).c_str(), ended.error().message.c_str());
            }
    }
    work_is_done();
}

void the_driver_stands_all_seeds(void **) {
    if (const char *const tape = std::getenv("NEURON_TAPE"))
        std::printf("# a failure may not come again, but it is on the tape: neuronctl replay %s\n", tape);
    std::uint64_t late = 0, held = 0, early = 0, resets = 0;
    for (std::uint64_t seed = 1; seed <= SEEDS; ++seed) {
        std::printf("# seed %llu\n", static_cast<unsigned long long>(seed));
        set_plan("explore seed=" + std::to_string(seed));
        work_is_done();
        queues_are_destroyed_while_they_work();
        if (seed % RESET_EVERY == 0)
            reset_in_the_middle();
        late += chosen("late"), held += chosen("held"), early += chosen("early"), resets += chosen("resets");
    }
    set_plan("\n");
    assert_true(late > SEEDS && held > SEEDS && early > SEEDS && resets != 0);
    work_is_done();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(the_driver_stands_all_seeds)};
    return cmocka_run_group_tests_name("explore driver", tests, nullptr, nullptr);
}
