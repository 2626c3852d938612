// SPDX-License-Identifier: MIT
// In which order the executors run units: made-up ones, that note their steps.
#include "exec/executor.hpp"
#include "plan/injector.hpp"

#include "chip_support.hpp"

#include <deque>
#include <initializer_list>

namespace {

using neuron::chip::Executor;
using neuron::chip::Host;
using neuron::chip::Priority;
using neuron::chip::Step;
using neuron::chip::SteppedExecutor;
using neuron::chip::ThreadedExecutor;
using neuron::chip::Unit;
using namespace chip_test;

/// Takes some steps and notes each of them in a log that it shares with others.
class Worker final : public Unit {
public:
    Worker(std::string &log, char name, Priority priority, int steps = 1)
        : Unit(priority), log_(log), name_(name), left_(steps) {}
    Step step() override {
        log_ += name_;
        if (during)
            during();
        return --left_ > 0 ? Step::MORE : Step::BLOCKED;
    }
    void failed() noexcept override {}
    std::function<void()> during; ///< called in each step

private:
    std::string &log_;
    char name_;
    int left_;
};

/// Both executors, with one thread; `work` must end with all units at rest.
void on_each(const std::function<void(Executor &)> &work) {
    FakeHost fake;
    neuron::chip::plan::Injector faults(nullptr, nullptr, nullptr);
    const Host host(FakeHost::ops(), &fake, faults);
    SteppedExecutor stepped(host, 1, 16);
    work(stepped);
    stepped.stop();
    ThreadedExecutor threaded(1);
    work(threaded);
    threaded.stop();
}

/// All are woken from within a step, so that they are ready at the same moment.
void wake_at_once(Executor &executor, std::string &log, std::initializer_list<Unit *> units) {
    Worker starter(log, '>', Priority::CONTROL);
    starter.during = [&] {
        for (Unit *unit : units)
            executor.wake(*unit);
    };
    executor.wake(starter);
    executor.wait_idle();
}

void the_most_urgent_goes_first(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker low(log, 'l', Priority::LOW, 3), normal(log, 'n', Priority::NORMAL, 3),
            high(log, 'h', Priority::HIGH, 3), control(log, 'c', Priority::CONTROL, 3);
        wake_at_once(executor, log, {&low, &high, &normal, &control});
        assert_string_equal(log.c_str(), ">ccchhhnnnlll");
    });
}

void a_more_urgent_one_gets_its_turn_after_the_present_step(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker low(log, 'l', Priority::LOW, 5), normal(log, 'n', Priority::NORMAL, 2),
            high(log, 'h', Priority::HIGH, 2);
        low.during = [&] { executor.wake(normal); };
        normal.during = [&] { executor.wake(high); };
        executor.wake(low);
        executor.wait_idle();
        assert_string_equal(log.substr(0, 6).c_str(), "lnhhnh"); // a wake-up while it runs is one more step of high
    });
}

void equals_come_in_the_order_of_their_wake_ups(void **) {
    std::string log;
    std::deque<Worker> workers;
    ThreadedExecutor executor(1);
    for (char name = 'a'; name < 'g'; ++name)
        workers.emplace_back(log, name, Priority::LOW);
    wake_at_once(executor, log, {&workers[3], &workers[0], &workers[5], &workers[1], &workers[4], &workers[2]});
    assert_string_equal(log.c_str(), ">dafbec");
    executor.stop();
}

// Each has more to do than fits into a slice, with the others in line.
void equals_take_turns(void **) {
    for (const Priority priority : {Priority::HIGH, Priority::NORMAL, Priority::LOW}) {
        std::string log;
        ThreadedExecutor executor(1);
        std::deque<Worker> workers;
        std::atomic<bool> seen[3]{};
        std::atomic<bool> unfair = false;
        for (int i = 0; i < 3; ++i) {
            workers.emplace_back(log, static_cast<char>('a' + i), priority, 2000);
            workers.back().during = [&, i, left = 2000]() mutable {
                seen[i] = true;
                std::this_thread::sleep_for(std::chrono::microseconds(1));
                if (--left == 0 && !(seen[0] && seen[1] && seen[2]))
                    unfair = true;
            };
        }
        wake_at_once(executor, log, {&workers[0], &workers[1], &workers[2]});
        assert_false(unfair);
        executor.stop();
    }
}

void a_ready_unit_moves_with_its_priority(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker a(log, 'a', Priority::LOW, 2), b(log, 'b', Priority::NORMAL, 2), c(log, 'c', Priority::HIGH, 2);
        Worker mover(log, '>', Priority::CONTROL);
        mover.during = [&] {
            for (Unit *unit : {static_cast<Unit *>(&a), static_cast<Unit *>(&b), static_cast<Unit *>(&c)})
                executor.wake(*unit);
            executor.set_priority(a, Priority::CONTROL);
            executor.set_priority(c, Priority::LOW);
        };
        executor.wake(mover);
        executor.wait_idle();
        assert_string_equal(log.c_str(), ">aabbcc");
    });
}

void what_is_lent_counts_until_it_is_given_back(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker low(log, 'l', Priority::LOW, 4), normal(log, 'n', Priority::NORMAL, 2);
        int steps = 0;
        low.during = [&] {
            if (++steps == 1)
                executor.wake(normal);
            if (steps == 3)
                executor.lend_priority(low, Priority::LOW);
        };
        executor.lend_priority(low, Priority::HIGH);
        executor.lend_priority(normal, Priority::LOW); // less than its own: nothing changes
        assert_true(low.priority() == Priority::HIGH && normal.priority() == Priority::NORMAL);
        executor.wake(low);
        executor.wait_idle();
        assert_string_equal(log.c_str(), "lllnnl");
        assert_true(low.priority() == Priority::LOW);
    });
}

void priorities_may_change_at_any_time(void **) {
    std::string logs[4];
    ThreadedExecutor executor(3);
    std::deque<Worker> workers;
    std::atomic<std::uint64_t> steps{0};
    constexpr int EACH = 20'000;
    for (int i = 0; i < 4; ++i) {
        workers.emplace_back(logs[i], 'w', Priority::NORMAL, EACH);
        workers.back().during = [&] { ++steps; };
    }
    for (Worker &worker : workers)
        executor.wake(worker);
    std::mt19937 random(1);
    constexpr Priority ALL[] = {Priority::CONTROL, Priority::HIGH, Priority::NORMAL, Priority::LOW};
    while (steps < 4 * EACH) {
        Worker &worker = workers[random() % 4];
        executor.set_priority(worker, ALL[random() % 4]);
        executor.lend_priority(workers[random() % 4], ALL[random() % 4]);
    }
    executor.wait_idle();
    assert_int_equal(steps, 4 * EACH);
    executor.stop();
}

// ---- threads that are lent ------------------------------------------------------------------------------------------

/// Opened once; a step that waits for it keeps its thread until then.
class Door {
public:
    void open() {
        open_ = true;
        open_.notify_all();
    }
    void wait() const { open_.wait(false); }

private:
    std::atomic<bool> open_ = false;
};

void a_lent_thread_takes_the_first_steps(void **) {
    std::string log;
    ThreadedExecutor executor(1);
    Worker worker(log, 'w', Priority::NORMAL, 3);
    worker.during = [caller = std::this_thread::get_id()] { assert_true(std::this_thread::get_id() == caller); };
    executor.lend_thread(worker);
    assert_string_equal(log.c_str(), "www");
    worker.during = {};
    executor.wake(worker); // it is at rest again
    executor.wait_idle();
    assert_string_equal(log.c_str(), "wwww");
    executor.stop();
}

void in_stepped_mode_no_thread_is_taken(void **) {
    FakeHost fake;
    neuron::chip::plan::Injector faults(nullptr, nullptr, nullptr);
    const Host host(FakeHost::ops(), &fake, faults);
    SteppedExecutor executor(host, 1, 16);
    std::string log;
    Worker worker(log, 'w', Priority::NORMAL);
    executor.lend_thread(worker);
    assert_string_equal(log.c_str(), "");
    executor.wait_idle();
    assert_string_equal(log.c_str(), "w");
    executor.stop();
}

// A thread that is needed elsewhere does not stay until the end of it all.
void long_work_goes_on_without_the_lender(void **) {
    std::string log;
    ThreadedExecutor executor(1);
    Worker worker(log, 'w', Priority::NORMAL, 1000);
    Door door;
    std::atomic<int> lent = 0;
    worker.during = [&, caller = std::this_thread::get_id(), left = 1000]() mutable {
        if (std::this_thread::get_id() == caller)
            ++lent;
        if (--left == 0)
            door.wait();
        std::this_thread::sleep_for(std::chrono::microseconds(10));
    };
    executor.lend_thread(worker);
    assert_in_range(lent, 1, 999);
    door.open();
    executor.wait_idle();
    assert_int_equal(log.size(), 1000);
    executor.stop();
}

void a_lent_thread_is_not_taken_past_those_who_wait(void **) {
    std::string log;
    ThreadedExecutor executor(1);
    Door running, door;
    Worker busy(log, 'b', Priority::HIGH), waiting(log, 'w', Priority::LOW), lent(log, 'l', Priority::NORMAL);
    busy.during = [&] {
        running.open();
        door.wait();
    };
    std::thread::id runner;
    lent.during = [&] { runner = std::this_thread::get_id(); };
    executor.wake(busy);
    running.wait();
    executor.wake(waiting);
    executor.lend_thread(lent);
    door.open();
    executor.wait_idle();
    assert_string_equal(log.c_str(), "blw");
    assert_true(runner != std::this_thread::get_id());
    executor.stop();
}

void a_unit_that_runs_is_not_run_by_a_second_thread(void **) {
    std::string log;
    ThreadedExecutor executor(2);
    Door running, door;
    Worker worker(log, 'w', Priority::NORMAL);
    std::atomic<int> inside = 0;
    std::atomic<bool> twice = false;
    worker.during = [&] {
        twice = ++inside != 1 || twice;
        running.open();
        door.wait();
        --inside;
    };
    executor.wake(worker);
    running.wait();
    executor.lend_thread(worker);
    assert_string_equal(log.c_str(), "w");
    door.open();
    executor.wait_idle();
    assert_string_equal(log.c_str(), "ww"); // what it was woken for is not forgotten
    assert_false(twice);
    executor.stop();
}

// Whoever stops the executor deletes the units next.
void the_end_waits_for_lent_threads(void **) {
    std::string log;
    ThreadedExecutor executor(1);
    Door running, stopping, door;
    std::atomic<int> inside = 0;
    Worker worker(log, 'w', Priority::NORMAL, 1000);
    worker.during = [&] {
        ++inside;
        running.open();
        door.wait();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        --inside;
    };
    std::thread lender([&] { executor.lend_thread(worker); });
    running.wait();
    std::thread opener([&] {
        stopping.wait();
        door.open();
    });
    stopping.open();
    executor.stop();
    assert_int_equal(inside, 0);
    lender.join();
    opener.join();
}

// ---- the timer ------------------------------------------------------------------------------------------------------

void a_timed_wake_up_comes_in_time(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker worker(log, 't', Priority::NORMAL);
        std::uint64_t seen = 0;
        worker.during = [&] { seen = executor.now_ns(); };
        const std::uint64_t at = executor.now_ns() + 3'000'000;
        assert_true(executor.wake_at(worker, at));
        assert_true(eventually([&] {
            executor.wait_idle();
            return log == "t";
        }));
        assert_true(seen >= at);
    });
}

// The times are far apart, so that a thread that gets no CPU for a while is not too late to change its mind.
void the_latest_time_counts(void **) {
    on_each([](Executor &executor) {
        for (int turn = 0; turn < 2; ++turn) { // once the timer's thread begins, once it sleeps
            std::string log;
            Worker forgotten(log, 'f', Priority::NORMAL), worker(log, 't', Priority::NORMAL);
            const std::uint64_t now = executor.now_ns();
            assert_true(executor.wake_at(forgotten, now + 100'000'000));
            assert_true(executor.wake_at(worker, now + 1'000'000'000'000)); // put off
            assert_true(executor.wake_at(worker, now + 200'000'000));       // and earlier again
            assert_true(eventually([&] {
                executor.wait_idle();
                return !log.empty();
            }));
            assert_true(executor.now_ns() >= now + 200'000'000);
            assert_string_equal(log.c_str(), "t");
        }
    });
}

void a_time_can_be_taken_back(void **) {
    on_each([](Executor &executor) {
        std::string log;
        Worker worker(log, 't', Priority::NORMAL);
        const std::uint64_t now = executor.now_ns();
        assert_true(executor.wake_at(worker, now + 100'000'000));
        assert_true(executor.wake_at(worker, neuron::chip::Timer::NEVER));
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        executor.wait_idle();
        assert_true(log.empty());
    });
}

// Time passes while nothing is left to do, but not a step earlier.
void stepped_time_leaps_when_all_is_done(void **) {
    FakeHost fake;
    neuron::chip::plan::Injector faults(nullptr, nullptr, nullptr);
    const Host host(FakeHost::ops(), &fake, faults);
    SteppedExecutor executor(host, 1, 16);
    std::string log;
    Worker worker(log, 'w', Priority::NORMAL, 100), timed(log, 't', Priority::CONTROL);
    assert_true(executor.wake_at(timed, 1'000'000));
    assert_int_equal(fake.kicks, 1);
    executor.wake(worker);
    assert_int_equal(executor.run(100), 100);
    assert_int_equal(log.find('t'), std::string::npos);
    assert_true(executor.now_ns() < 1'000'000);
    assert_int_equal(executor.run(100), 1);
    assert_int_equal(log.back(), 't');
    assert_in_range(executor.now_ns(), 1'000'000, 1'000'200);
    // Nor later, while there is work.
    Worker more(log, 'm', Priority::HIGH, 100), second(log, '2', Priority::CONTROL);
    assert_true(executor.wake_at(second, executor.now_ns() + 5'000));
    executor.wake(more);
    executor.wait_idle();
    assert_int_equal(log.find('2') - log.find('m'), 50);
    executor.stop();
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_most_urgent_goes_first),
        cmocka_unit_test(a_more_urgent_one_gets_its_turn_after_the_present_step),
        cmocka_unit_test(equals_come_in_the_order_of_their_wake_ups),
        cmocka_unit_test(equals_take_turns),
        cmocka_unit_test(a_ready_unit_moves_with_its_priority),
        cmocka_unit_test(what_is_lent_counts_until_it_is_given_back),
        cmocka_unit_test(priorities_may_change_at_any_time),
        cmocka_unit_test(a_lent_thread_takes_the_first_steps),
        cmocka_unit_test(in_stepped_mode_no_thread_is_taken),
        cmocka_unit_test(long_work_goes_on_without_the_lender),
        cmocka_unit_test(a_lent_thread_is_not_taken_past_those_who_wait),
        cmocka_unit_test(a_unit_that_runs_is_not_run_by_a_second_thread),
        cmocka_unit_test(the_end_waits_for_lent_threads),
        cmocka_unit_test(a_timed_wake_up_comes_in_time),
        cmocka_unit_test(the_latest_time_counts),
        cmocka_unit_test(a_time_can_be_taken_back),
        cmocka_unit_test(stepped_time_leaps_when_all_is_done),
    };
    return cmocka_run_group_tests_name("chip executors", tests, nullptr, nullptr);
}
