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

} // namespace

neuron_status neuron_queue_create(const neuron_context *context, const struct neuron_queue_options *options,
                                  neuron_queue **queue, neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_queue_options own;
    if (!c::clear(queue) || context == nullptr)
        return c::invalid(error, queue == nullptr ? "queue is NULL" : "context is NULL");
    if (!c::take(own, options, "queue options", status, error))
        return status;
    if (own.path > NEURON_SUBMIT_IOCTL)
        return c::invalid(error, "queue options: there is no submit path " + std::to_string(own.path));
    if (own.job_timeout_ms > static_cast<uint64_t>(std::numeric_limits<std::int32_t>::max()))
        return c::invalid(error,
                          "queue options: a job timeout of " + std::to_string(own.job_timeout_ms) + " ms is too long");
    QueueOptions more;
    more.ring_log2 = own.ring_log2;
    more.job_timeout = std::chrono::milliseconds(own.job_timeout_ms);
    more.path = own.path == NEURON_SUBMIT_URING   ? SubmitPath::uring
                : own.path == NEURON_SUBMIT_IOCTL ? SubmitPath::ioctl
                                                  : SubmitPath::automatic;
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
    return put_job(job, error, queue->value.submit(copies));
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

const char *neuron_queue_path(const neuron_queue *queue) {
    return queue != nullptr ? queue->value.path().data() : ""; // a literal
}

void neuron_queue_destroy(neuron_queue *queue) { delete queue; }

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
    (void)c::clear(job);
    if (program == nullptr || queue == nullptr || (args == nullptr && count != 0))
        return c::invalid(error, program == nullptr ? "program is NULL"
                                 : queue == nullptr ? "queue is NULL"
                                                    : "args is NULL");
    std::vector<Argument> list;
    list.reserve(count);
    for (size_t i = 0; i < count; ++i)
        list.push_back(args[i].buffer != nullptr ? Argument::tensor(args[i].buffer->value, args[i].value)
                                                 : Argument::scalar(args[i].value));
    return put_job(job, error, program->value.launch(queue->value, list, core_mask != 0 ? core_mask : 1));
}

void neuron_program_destroy(neuron_program *program) { delete program; }
