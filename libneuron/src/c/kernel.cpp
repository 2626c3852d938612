// SPDX-License-Identifier: MIT
#include "handles.hpp"

using namespace neuron;

static_assert(NEURON_PARAM_IN == spec::raw(spec::ParamKind::IN) &&
              NEURON_PARAM_OUT == spec::raw(spec::ParamKind::OUT) &&
              NEURON_PARAM_INOUT == spec::raw(spec::ParamKind::INOUT) &&
              NEURON_PARAM_SCALAR == spec::raw(spec::ParamKind::SCALAR));

neuron_status neuron_kernel_load(const char *path, neuron_kernel **kernel, neuron_error **error) {
    if (!c::clear(kernel) || path == nullptr)
        return c::invalid(error, kernel == nullptr ? "kernel is NULL" : "path is NULL");
    return c::give(kernel, error, KernelFile::load(path));
}

neuron_status neuron_kernel_parse(const void *image, size_t bytes, const char *name, neuron_kernel **kernel,
                                  neuron_error **error) {
    if (!c::clear(kernel) || image == nullptr)
        return c::invalid(error, kernel == nullptr ? "kernel is NULL" : "image is NULL");
    const std::span<const std::byte> span(static_cast<const std::byte *>(image), bytes);
    return c::give(kernel, error, KernelFile::parse(span, name != nullptr ? name : "kernel"));
}

uint32_t neuron_kernel_cores(const neuron_kernel *kernel) { return kernel != nullptr ? kernel->value.cores() : 0; }

size_t neuron_kernel_param_count(const neuron_kernel *kernel) {
    return kernel != nullptr ? kernel->value.params().size() : 0;
}

bool neuron_kernel_get_param(const neuron_kernel *kernel, size_t index, struct neuron_kernel_param *param) {
    if (index >= neuron_kernel_param_count(kernel))
        return false;
    const KernelParam &from = kernel->value.params()[index];
    neuron_kernel_param out{};
    out.name = from.name.c_str();
    out.kind = spec::raw(from.kind);
    if (from.is_tensor()) {
        out.dims = from.dims.data();
        out.bytes = from.bytes();
        out.rank = static_cast<uint32_t>(from.dims.size());
        out.dtype = spec::name(from.dtype).data(); // a literal
    }
    return c::fill(param, out);
}

void neuron_kernel_free(neuron_kernel *kernel) { delete kernel; }
