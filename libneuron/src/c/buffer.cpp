// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

neuron_status neuron_buffer_create(const neuron_context *context, uint64_t bytes,
                                   const struct neuron_buffer_options *options, neuron_buffer **buffer,
                                   neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_buffer_options own;
    if (!c::clear(buffer) || context == nullptr)
        return c::invalid(error, buffer == nullptr ? "buffer is NULL" : "context is NULL");
    if (!c::take(own, options, "buffer options", status, error))
        return status;
    if (own.placement > NEURON_PLACEMENT_HBM)
        return c::invalid(error, "buffer options: there is no placement " + std::to_string(own.placement));
    BufferOptions more;
    more.placement = own.placement == NEURON_PLACEMENT_HBM ? Placement::hbm : Placement::host;
    more.bank = c::bank_of(own.bank);
    more.mappable = own.mappable != 0;
    more.read_only = own.read_only != 0;
    more.shareable = own.shareable != 0;
    more.label = own.label != nullptr ? own.label : "";
    return c::give(buffer, error, Buffer::create(context->value, bytes, more, c::nowhere));
}

neuron_status neuron_buffer_import(const neuron_context *context, int fd, const struct neuron_import_options *options,
                                   neuron_buffer **buffer, neuron_error **error) {
    neuron_status status = NEURON_OK;
    neuron_import_options own;
    if (!c::clear(buffer) || context == nullptr)
        return c::invalid(error, buffer == nullptr ? "buffer is NULL" : "context is NULL");
    if (!c::take(own, options, "import options", status, error))
        return status;
    return c::give(buffer, error, Buffer::import_fd(context->value, fd, {.read_only = own.read_only != 0}, c::nowhere));
}

neuron_status neuron_buffer_export(const neuron_buffer *buffer, int *fd, neuron_error **error) {
    if (fd == nullptr)
        return c::invalid(error, "fd is NULL");
    *fd = -1;
    if (buffer == nullptr)
        return c::invalid(error, "buffer is NULL");
    auto file = buffer->value.export_fd();
    if (!file)
        return c::report(error, file.error());
    *fd = file->release();
    return c::good(error);
}

uint64_t neuron_buffer_va(const neuron_buffer *buffer) { return buffer != nullptr ? buffer->value.va() : 0; }

uint64_t neuron_buffer_size(const neuron_buffer *buffer) { return buffer != nullptr ? buffer->value.size() : 0; }

neuron_status neuron_buffer_map(const neuron_buffer *buffer, void **bytes, neuron_error **error) {
    if (!c::clear(bytes) || buffer == nullptr)
        return c::invalid(error, bytes == nullptr ? "bytes is NULL" : "buffer is NULL");
    const auto mapping = buffer->value.map();
    if (!mapping)
        return c::report(error, mapping.error());
    *bytes = mapping->data();
    return c::good(error);
}

neuron_status neuron_buffer_write(const neuron_buffer *buffer, neuron_queue *queue, uint64_t offset, const void *data,
                                  size_t bytes, neuron_error **error) {
    if (buffer == nullptr || queue == nullptr || (data == nullptr && bytes != 0))
        return c::invalid(error, buffer == nullptr  ? "buffer is NULL"
                                 : queue == nullptr ? "queue is NULL"
                                                    : "data is NULL");
    return c::finish(error, queue->value.write(buffer->value, offset, {static_cast<const std::byte *>(data), bytes}));
}

neuron_status neuron_buffer_read(const neuron_buffer *buffer, neuron_queue *queue, uint64_t offset, void *data,
                                 size_t bytes, neuron_error **error) {
    if (buffer == nullptr || queue == nullptr || (data == nullptr && bytes != 0))
        return c::invalid(error, buffer == nullptr  ? "buffer is NULL"
                                 : queue == nullptr ? "queue is NULL"
                                                    : "data is NULL");
    return c::finish(error, queue->value.read(buffer->value, offset, {static_cast<std::byte *>(data), bytes}));
}

void neuron_buffer_destroy(neuron_buffer *buffer) { delete buffer; }
