// SPDX-License-Identifier: MIT
#include <limits>

#include "handles.hpp"

using namespace neuron;

static_assert(sizeof(neuron_packet) == spec::PACKET_BYTES);

namespace {

neuron_status put_job(uint64_t *job, neuron_error **error, const Result<Job> &result) {
    if (!result)
        return c::report(error, result.error());
    if (job != nullptr)
        *job = result->number;
    return c::good(error);
}

template<class T>
void put_packet(neuron_packet *out, const T &packet) {
    const Packet bytes = spec::packed(packet);
    std::memcpy(out->bytes, bytes.data(), bytes.size());
}

std::optional<Priority> priority_of(uint32_t priority) {
    switch (priority) {
    case NEURON_PRIORITY_NORMAL: return Priority::normal;
    case NEURON_PRIORITY_LOW: return Priority::low;
    case NEURON_PRIORITY_HIGH: return Priority::high;
    default: return std::nullopt;
    }
}

std::optional<SubmitPath> path_of(uint32_t path) {
    switch (path) {
    case NEURON_SUBMIT_AUTOMATIC: return SubmitPath::automatic;
    case NEURON_SUBMIT_URING: return SubmitPath::uring;
    case NEURON_SUBMIT_IOCTL: return SubmitPath::ioctl;
    case NEURON_SUBMIT_DOORBELL: return SubmitPath::doorbell;
    default: return std::nullopt;
    }
}

uint32_t number_of(Priority priority) {
    return priority == Priority::low    ? NEURON_PRIORITY_LOW
           : priority == Priority::high ? NEURON_PRIORITY_HIGH
                                        : NEURON_PRIORITY_NORMAL;
}

uint32_t number_of(QueueStatus::State state) {
    switch (state) {
    case QueueStatus::State::ok: return NEURON_QUEUE_OK;
    case QueueStatus::State::faulted: return NEURON_QUEUE_FAULTED;
    case QueueStatus::State::timed_out: return NEURON_QUEUE_TIMED_OUT;
    case QueueStatus::State::canceled: return NEURON_QUEUE_CANCELED;
    case QueueStatus::State::lost: return NEURON_QUEUE_LOST;
    }
    return NEURON_QUEUE_LOST;
}

CommandList list_of(const neuron_packet *packets, size_t count) {
    CommandList out;
    for (size_t i = 0; i < count; ++i) {
        Packet packet;
        std::memcpy(packet.data(), packets[i].bytes, packet.size());
        out.add(packet);
    }
    return out;
}

// False: a point has no timeline, or there is no list of so many.
bool take_points(std::vector<TimelinePoint> &out, const neuron_timeline_point *points, size_t count) {
    if (points == nullptr && count != 0)
        return false;
    for (size_t i = 0; i < count; ++i) {
        if (points[i].timeline == nullptr)
            return false;
        out.push_back(points[i].timeline->value.at(points[i].value));
    }
    return true;
}

// False: an error was reported.
bool take_submit_options(SubmitOptions &out, const neuron_submit_options *options, neuron_status &status,
                         neuron_error **error) {
    neuron_submit_options own;
    if (!c::take(own, options, "submit options", status, error))
        return false;
    if (!take_points(out.wait, own.wait, own.wait_count)) {
        status = c::invalid(error, "submit options: wait, or the timeline of a point of it, is NULL");
        return false;
    }
    if (!take_points(out.signal, own.signal, own.signal_count)) {
        status = c::invalid(error, "submit options: signal, or the timeline of a point of it, is NULL");
        return false;
    }
    return true;
}

// The arguments of a launch; nullopt: an error was reported.
std::optional<std::vector<Argument>> take_arguments(const neuron_program *program, const neuron_queue *queue,
                                                    const neuron_argument *args, size_t count, neuron_error **error) {
    if (program == nullptr || queue == nullptr || (args == nullptr && count != 0)) {
        (void)c::invalid(error, program == nullptr ? "program is NULL"
                                : queue == nullptr ? "queue is NULL"
                                                   : "args is NULL");
        return std::nullopt;
    }
    std::vector<Argument> list;
    list.reserve(count);
    for (size_t i = 0; i < count; ++i)
        list.push_back(args[i].buffer != nullptr ? Argument::tensor(args[i].buffer->value, args[i].value)
                                                 : Argument::scalar(args[i].value));
    return list;
}

} // namespace

neuron_status neuron_queue_create(const neuron_context *context, const struct neuron_queue_options *options,
                                  neuron_queue **queue, neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_queue_options own;
    if (!c::clear(queue) || context == nullptr)
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "context is NULL");
    if (!c::take(own, options, "queue options", status, error))
        return status;
    const auto path = path_of(own.path);
    const auto priority = priority_of(own.priority);
    if (!path)
        return c::invalid(error, "queue options: there is no submit path " + std::to_string(own.path));
    if (!priority)
        return c::invalid(error, "queue options: there is no priority " + std::to_string(own.priority));
    if (own.job_timeout_ms > static_cast<uint64_t>(std::numeric_limits<std::int32_t>::max()))
        return c::invalid(error,
                          "queue options: a job timeout of " + std::to_string(own.job_timeout_ms) + " ms is too long");
    QueueOptions more;
    more.ring_log2 = own.ring_log2;
    more.job_timeout = std::chrono::milliseconds(own.job_timeout_ms);
    more.path = *path;
    more.priority = *priority;
    more.polled = own.polled != 0;
    more.coalesce_jobs = own.coalesce_jobs;
    more.coalesce_time = std::chrono::microseconds(own.coalesce_usecs);
    more.sqpoll = own.sqpoll != 0;
    if (own.sqpoll_idle_ms != 0)
        more.sqpoll_idle = std::chrono::milliseconds(own.sqpoll_idle_ms);
    return c::give(queue, error, Queue::create(context->value, more));
}

neuron_status neuron_queue_submit(neuron_queue *queue, const struct neuron_packet *packets, size_t count, uint64_t *job,
                                  neuron_error **error) {
    (void)c::clear(job);
    if (queue == nullptr || (packets == nullptr && count != 0))
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "packets is NULL");
    std::vector<Packet> copies(count);
    if (count != 0)
        std::memcpy(copies.data(), packets, count * sizeof(Packet));
    return put_job(job, error, queue->value.submit(copies, c::nowhere));
}

neuron_status neuron_queue_submit_sync(neuron_queue *queue, const struct neuron_packet *packets, size_t count,
                                       const struct neuron_submit_options *options, uint64_t *job,
                                       neuron_error **error) {
    SubmitOptions more;
    neuron_status status = NEURON_OK;
    (void)c::clear(job);
    if (queue == nullptr || (packets == nullptr && count != 0))
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "packets is NULL");
    if (!take_submit_options(more, options, status, error))
        return status;
    return put_job(job, error, queue->value.submit(list_of(packets, count), more, c::nowhere));
}

neuron_status neuron_queue_submit_batch(neuron_queue *queue, const struct neuron_packet_list *jobs, size_t count,
                                        uint64_t *job, neuron_error **error) {
    (void)c::clear(job);
    if (queue == nullptr || (jobs == nullptr && count != 0))
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "jobs is NULL");
    std::vector<CommandList> lists;
    lists.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        if (jobs[i].packets == nullptr && jobs[i].count != 0)
            return c::invalid(error, "job " + std::to_string(i) + " of the batch: packets is NULL");
        lists.push_back(list_of(jobs[i].packets, jobs[i].count));
    }
    return put_job(job, error, queue->value.submit_batch(lists, c::nowhere));
}

neuron_status neuron_queue_wait(neuron_queue *queue, uint64_t job, int64_t timeout_ns, neuron_error **error) {
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    return c::finish(error, queue->value.wait(Job{job}, c::timeout_of(timeout_ns)));
}

neuron_status neuron_queue_wait_idle(neuron_queue *queue, int64_t timeout_ns, neuron_error **error) {
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    return c::finish(error, queue->value.wait_idle(c::timeout_of(timeout_ns)));
}

neuron_status neuron_queue_done(neuron_queue *queue, uint64_t job, bool *done, neuron_error **error) {
    if (!c::clear(done) || queue == nullptr)
        return c::invalid(error, done == nullptr ? "done is NULL" : "queue is NULL");
    const auto answer = queue->value.done(Job{job});
    if (!answer)
        return c::report(error, answer.error());
    *done = *answer;
    return c::good(error);
}

neuron_status neuron_queue_get_times(const neuron_queue *queue, uint64_t job, struct neuron_job_times *times,
                                     neuron_error **error) {
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    return c::put_times(times, error, queue->value.times(Job{job}));
}

neuron_status neuron_queue_get_status(const neuron_queue *queue, struct neuron_queue_status *status,
                                      neuron_error **error) {
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    const auto found = queue->value.status();
    if (!found)
        return c::report(error, found.error());
    neuron_queue_status out{};
    out.id = found->id;
    out.state = number_of(found->state);
    out.priority = number_of(found->priority);
    out.ring_packets = queue->value.ring_packets();
    out.submitted = found->submitted;
    out.completed = found->completed;
    out.busy_ns = static_cast<uint64_t>(found->busy_time.count());
    out.core_ns = static_cast<uint64_t>(found->core_time.count());
    return c::fill(status, out) ? c::good(error) : c::invalid(error, "status is NULL, or its size is not set");
}

neuron_status neuron_queue_on_done(neuron_queue *queue, uint64_t job, neuron_job_callback callback, void *user,
                                   neuron_error **error) {
    if (queue == nullptr || callback == nullptr)
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "callback is NULL");
    const auto call = [job, callback, user](const Result<void> &result) {
        if (result) {
            callback(user, job, NEURON_OK, nullptr);
            return;
        }
        const neuron_error failure{result.error()};
        callback(user, job, c::status_of(failure.value.code), &failure);
    };
    return c::finish(error, queue->value.on_done(Job{job}, call));
}

neuron_status neuron_queue_poll(neuron_queue *queue, int64_t timeout_ns, size_t *called, neuron_error **error) {
    (void)c::clear(called);
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    const auto count = queue->value.poll(c::timeout_of(timeout_ns));
    if (!count)
        return c::report(error, count.error());
    if (called != nullptr)
        *called = *count;
    return c::good(error);
}

neuron_status neuron_queue_poll_fd(neuron_queue *queue, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    if (queue == nullptr)
        return c::invalid(error, "queue is NULL");
    const auto file = queue->value.poll_fd();
    if (!file)
        return c::report(error, file.error());
    *fd = *file;
    return c::good(error);
}

const char *neuron_queue_path(const neuron_queue *queue) {
    return queue != nullptr ? queue->value.path().data() : ""; // a literal
}

void neuron_queue_destroy(neuron_queue *queue) { delete queue; }

void neuron_packet_nop(struct neuron_packet *packet) { put_packet(packet, spec::PacketNop{}); }

void neuron_packet_copy(struct neuron_packet *packet, uint64_t dst, uint64_t src, uint64_t bytes) {
    spec::PacketCopy out{};
    out.dst = dst;
    out.src = src;
    out.bytes = bytes;
    put_packet(packet, out);
}

void neuron_packet_fill(struct neuron_packet *packet, uint64_t dst, uint64_t bytes, uint64_t pattern) {
    spec::PacketFill out{};
    out.dst = dst;
    out.bytes = bytes;
    out.pattern = pattern;
    put_packet(packet, out);
}

void neuron_packet_fence(struct neuron_packet *packet, uint64_t addr, uint64_t value) {
    spec::PacketFence out{};
    out.addr = addr;
    out.value = value;
    put_packet(packet, out);
}

neuron_status neuron_program_load(const neuron_context *context, neuron_queue *queue, const neuron_kernel *kernel,
                                  const struct neuron_program_options *options, neuron_program **program,
                                  neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_program_options own;
    if (!c::clear(program) || context == nullptr || queue == nullptr || kernel == nullptr)
        return c::invalid(error, program == nullptr   ? "program is NULL"
                                 : context == nullptr ? "context is NULL"
                                 : queue == nullptr   ? "queue is NULL"
                                                      : "kernel is NULL");
    if (!c::take(own, options, "program options", status, error))
        return status;
    const ProgramOptions more{.placement = own.in_host_memory != 0 ? Placement::host : Placement::hbm,
                              .bank = c::bank_of(own.bank)};
    return c::give(program, error, Program::load(context->value, queue->value, kernel->value, more));
}

neuron_status neuron_program_launch(const neuron_program *program, neuron_queue *queue,
                                    const struct neuron_argument *args, size_t count, uint32_t core_mask, uint64_t *job,
                                    neuron_error **error) {
    return neuron_program_launch_sync(program, queue, args, count, core_mask, nullptr, job, error);
}

neuron_status neuron_program_launch_sync(const neuron_program *program, neuron_queue *queue,
                                         const struct neuron_argument *args, size_t count, uint32_t core_mask,
                                         const struct neuron_submit_options *options, uint64_t *job,
                                         neuron_error **error) {
    SubmitOptions more;
    neuron_status status = NEURON_OK;
    (void)c::clear(job);
    const auto list = take_arguments(program, queue, args, count, error);
    if (!list)
        return NEURON_INVALID_ARGUMENT;
    if (!take_submit_options(more, options, status, error))
        return status;
    return put_job(job, error,
                   program->value.launch(queue->value, *list, core_mask != 0 ? core_mask : 1, more, c::nowhere));
}

void neuron_program_destroy(neuron_program *program) { delete program; }
