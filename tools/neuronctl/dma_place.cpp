// SPDX-License-Identifier: MIT
#include "dma_place.hpp"

#include <charconv>

#include <fmt/format.h>

#include "session.hpp"

namespace neuronctl {

std::optional<Place> parse_place(std::string_view text) {
    if (text == "host")
        return Place{};
    if (text == "hbm")
        return Place{neuron::Placement::hbm, std::nullopt};
    if (!text.starts_with("hbm:"))
        return std::nullopt;
    text.remove_prefix(4);
    std::uint32_t bank = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), bank);
    if (status != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return Place{neuron::Placement::hbm, bank};
}

std::string text(const Place &place) {
    if (place.placement == neuron::Placement::host)
        return "host";
    return place.bank ? fmt::format("hbm:{}", *place.bank) : "hbm";
}

std::vector<Place> all_places(const neuron::DeviceInfo &device) {
    std::vector<Place> out = {Place{}};
    for (std::uint32_t bank = 0; bank < device.hbm_banks; ++bank)
        out.push_back({neuron::Placement::hbm, bank});
    return out;
}

Outcome<Arena> Arena::create(neuron::Context &context, neuron::Queue &queue, const Place &place, std::uint64_t size) {
    (void)queue;
    const bool hbm = place.placement == neuron::Placement::hbm;
    neuron::BufferOptions options{.placement = place.placement, .bank = place.bank, .mappable = hbm};
    auto buffer = neuron::Buffer::create(context, size, options);
    // Not every stack, and not all of one, lies behind the aperture.
    const bool visible = buffer.has_value();
    if (!buffer && hbm && buffer.error().code == neuron::ErrorCode::out_of_memory) {
        options.mappable = false;
        buffer = neuron::Buffer::create(context, size, options);
    }
    if (!buffer) {
        const bool input = buffer.error().code == neuron::ErrorCode::invalid_argument;
        Failure failure = input ? input_error(buffer.error()) : device_error(buffer.error());
        failure.message = fmt::format("{}: {}", text(place), failure.message);
        return tl::unexpected(std::move(failure));
    }
    return Arena(std::move(*buffer), visible);
}

Outcome<void> Arena::write(neuron::Queue &queue, std::uint64_t offset, std::span<const std::byte> bytes) const {
    return on_device(queue.write(buffer_, offset, bytes));
}

Outcome<void> Arena::read(neuron::Queue &queue, std::uint64_t offset, std::span<std::byte> bytes) const {
    return on_device(queue.read(buffer_, offset, bytes));
}

} // namespace neuronctl
