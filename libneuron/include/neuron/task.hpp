// SPDX-License-Identifier: MIT
/**
 * @file
 * Coroutines that wait for jobs.
 */
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include <neuron/queue.hpp>

namespace neuron {

/**
 * The end of a job, to be awaited once: `Result<void> done = co_await submit_async(queue, commands)`, with the result of
 * Queue::wait(). The Queue object must stay in its place meanwhile.
 *
 * Threading: the coroutine is resumed in the thread that calls Queue::poll(), wait(), wait_idle() or run() of the queue, and in
 * that call, in the order of the jobs. It may submit to the queue and await again, and it may wait; it may not destroy the queue.
 */
class Completion {
public:
    /** For the library itself. @param failed Why there is no job, if there is none. */
    Completion(Queue &queue, Job job, std::optional<Error> failed = std::nullopt)
        : queue_(&queue), job_(job), failed_(std::move(failed)) {}

    /** The job. Number 0 if it was refused: awaiting tells why. */
    Job job() const noexcept { return job_; }

    bool await_ready() const noexcept { return failed_.has_value(); }
    bool await_suspend(std::coroutine_handle<> waiter) {
        auto added = queue_->on_done(job_, [this, waiter](const Result<void> &result) {
            if (!result)
                failed_ = result.error();
            waiter.resume();
        });
        if (!added)
            failed_ = std::move(added.error());
        return added.has_value();
    }
    Result<void> await_resume() {
        if (failed_)
            return tl::unexpected(std::move(*failed_));
        return {};
    }

private:
    Queue *queue_;
    Job job_;
    std::optional<Error> failed_;
};

/** Submits at once. A refusal is what awaiting gives. */
inline Completion submit_async(Queue &queue, const CommandList &commands, const SubmitOptions &options = {},
                               Queue::Where where = Queue::Where::current()) {
    auto job = queue.submit(commands, options, where);
    return job ? Completion(queue, *job) : Completion(queue, Job{}, std::move(job.error()));
}

/** The end of what Program::launch() has submitted, or why it has not. */
inline Completion completion(Queue &queue, const Result<Job> &job) {
    return job ? Completion(queue, *job) : Completion(queue, Job{}, job.error());
}

/**
 * A coroutine that gives a T. It runs at once, in the caller, until it first waits. Who has one may co_await it from another
 * coroutine, once, or look at done() and take result(). Destroying it while it waits is an error: the job's end would resume what is
 * gone. So wait for it first, with finish().
 *
 * An exception that leaves the coroutine ends the process: the library throws none.
 *
 * Threading: one thread at a time.
 */
template<class T>
class [[nodiscard]] Task {
public:
    struct promise_type {
        std::optional<T> value{};
        std::coroutine_handle<> waiter{};

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        auto final_suspend() const noexcept {
            struct Wake {
                bool await_ready() const noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
                    const auto waiter = self.promise().waiter;
                    return waiter ? waiter : std::noop_coroutine();
                }
                void await_resume() const noexcept {}
            };
            return Wake{};
        }
        template<class U>
        void return_value(U &&from) {
            value.emplace(std::forward<U>(from));
        }
        [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
    };

    Task(Task &&other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task &operator=(Task &&) = delete;
    ~Task() {
        if (coroutine_)
            coroutine_.destroy();
    }

    bool done() const noexcept { return coroutine_.done(); }
    /** What it gave; it is done. */
    T &result() { return *coroutine_.promise().value; }

    bool await_ready() const noexcept { return done(); }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { coroutine_.promise().waiter = waiter; }
    T await_resume() { return std::move(result()); }

private:
    explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

/** Waits for jobs of the queue until the task is done: for a task that awaits this queue only. @return what it gave */
template<class T>
T finish(Queue &queue, Task<T> &task) {
    while (!task.done())
        (void)queue.poll(forever); // how jobs end is for those that await them
    return std::move(task.result());
}

} // namespace neuron
