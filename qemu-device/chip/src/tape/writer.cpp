// SPDX-License-Identifier: MIT
#include "writer.hpp"

#include <algorithm>

namespace neuron::chip::tape {

namespace {

// Below this the event itself is longer than what is saved.
constexpr std::size_t SAME_BYTES = 16;

bool all_same(std::span<const std::byte> data) {
    return data.size() >= SAME_BYTES && std::ranges::all_of(data, [&](std::byte b) { return b == data[0]; });
}

std::uint32_t options_of(const ChipInfo &info, bool function) {
    using spec::TapeOption;
    return (info.hazards ? spec::raw(TapeOption::HAZARDS) : 0U) |
           (info.sanitizer ? spec::raw(TapeOption::SANITIZER) : 0U) | (function ? spec::raw(TapeOption::FUNCTION) : 0U);
}

} // namespace

int Writer::put(std::span<const std::byte> bytes) {
    if (failed_ == 0)
        failed_ = sink_(bytes);
    return failed_;
}

int Writer::begin(const ChipInfo &info, bool function) {
    spec::TapeHeader head{.version = spec::TAPE_VERSION,
                          .contract = spec::VERSION,
                          .options = options_of(info, function),
                          .profile = info.profile,
                          .cores = info.cores,
                          .recorder = info.recorder_records,
                          .hbm_bytes = info.hbm_bytes,
                          .aperture_bytes = info.aperture_bytes,
                          .seed = info.seed};
    std::ranges::copy(spec::TAPE_MAGIC, head.magic.begin());
    head.check = check_of(head);
    return put(spec::packed(head));
}

int Writer::add(spec::TapeEvent head, std::span<const std::byte> data) {
    if (failed_ != 0)
        return failed_;
    if ((head.kind == spec::TapeKind::DMA_READ || head.kind == spec::TapeKind::DMA_WRITE) && all_same(data)) {
        head.flags = static_cast<std::uint16_t>(head.flags | spec::raw(spec::TapeFlag::SAME));
        data = data.first(1);
    }
    head.bytes = static_cast<std::uint32_t>(data.size());
    head.check = check_of(Event{head, data});
    buffer_.assign(spec::TapeEvent::BYTES + padded(data.size()), std::byte{0});
    const auto raw = spec::packed(head);
    std::ranges::copy(raw, buffer_.begin());
    std::ranges::copy(data, buffer_.begin() + raw.size());
    ++events_;
    return put(buffer_);
}

int Writer::end(std::uint64_t step) { return add({.kind = spec::TapeKind::END, .step = step, .value = events_}); }

} // namespace neuron::chip::tape
