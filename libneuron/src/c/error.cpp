// SPDX-License-Identifier: MIT
#include "handles.hpp"

namespace neuron::c {

neuron_status status_of(ErrorCode code) noexcept {
    switch (code) {
    case ErrorCode::invalid_argument: return NEURON_INVALID_ARGUMENT;
    case ErrorCode::not_found: return NEURON_NOT_FOUND;
    case ErrorCode::permission_denied: return NEURON_PERMISSION_DENIED;
    case ErrorCode::no_device: return NEURON_NO_DEVICE;
    case ErrorCode::version_mismatch: return NEURON_VERSION_MISMATCH;
    case ErrorCode::out_of_memory: return NEURON_OUT_OF_MEMORY;
    case ErrorCode::device_fault: return NEURON_DEVICE_FAULT;
    case ErrorCode::timeout: return NEURON_TIMEOUT;
    case ErrorCode::canceled: return NEURON_CANCELED;
    case ErrorCode::io: return NEURON_IO;
    case ErrorCode::unsupported: return NEURON_UNSUPPORTED;
    }
    return NEURON_IO;
}

neuron_status report(neuron_error **error, Error value) {
    const neuron_status status = status_of(value.code);
    if (error != nullptr)
        *error = new neuron_error{std::move(value)};
    return status;
}

neuron_status invalid(neuron_error **error, std::string message) {
    return report(error, {ErrorCode::invalid_argument, std::move(message)});
}

neuron_status finish(neuron_error **error, const Result<void> &result) {
    return result ? good(error) : report(error, result.error());
}

} // namespace neuron::c

using namespace neuron;

const char *neuron_status_name(neuron_status status) {
    if (status == NEURON_OK)
        return "ok";
    for (int code = 0; code <= static_cast<int>(ErrorCode::unsupported); ++code)
        if (c::status_of(static_cast<ErrorCode>(code)) == status)
            return name(static_cast<ErrorCode>(code)).data(); // a literal
    return "?";
}

neuron_status neuron_error_status(const neuron_error *error) {
    return error != nullptr ? c::status_of(error->value.code) : NEURON_OK;
}

const char *neuron_error_message(const neuron_error *error) {
    return error != nullptr ? error->value.message.c_str() : "";
}

bool neuron_error_fault(const neuron_error *error, struct neuron_fault *fault) {
    if (error == nullptr || !error->value.fault)
        return false;
    const FaultInfo &info = *error->value.fault;
    neuron_fault out{};
    out.code = spec::raw(info.code);
    out.unit = spec::raw(info.unit);
    out.job = info.job;
    out.packet = info.packet;
    out.opcode = info.opcode ? spec::raw(*info.opcode) : 0;
    out.core = info.core;
    out.ring = info.ring;
    out.pc = info.pc;
    out.va = info.va;
    out.info = info.info;
    out.write = info.write ? 1 : 0;
    return c::fill(fault, out);
}

void neuron_error_free(neuron_error *error) { delete error; }

const char *neuron_version(void) { return NEURON_LIBRARY_VERSION; }

uint32_t neuron_spec_version(void) { return spec::VERSION; }

const char *neuron_backend_name(size_t index) {
    static const std::vector<std::string> names = Device::backends();
    return index < names.size() ? names[index].c_str() : nullptr;
}
