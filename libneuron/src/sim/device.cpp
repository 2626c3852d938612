// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <algorithm>
#include <numeric>

#include "../error.hpp"
#include "context.hpp"
#include "queue.hpp"

namespace neuron::sim {

using detail::fail;
namespace reg = spec::reg;
namespace field = spec::field;

namespace {

constexpr std::uint32_t event_ring_log2 = 8;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;

} // namespace

Result<std::shared_ptr<detail::DeviceBackend>> Device::open(const DeviceOptions &options) {
    if (!options.node.empty())
        return fail(ErrorCode::invalid_argument, "sim: has no node '{}'", options.node);
    std::shared_ptr<Device> device(new Device(options.log));
    if (auto started = device->start(options.sim); !started)
        return detail::forward_error(started);
    return device;
}

Result<void> Device::start(const SimOptions &options) {
    auto chip = Chip::create(options, memory_, log_);
    if (!chip)
        return detail::forward_error(chip);
    chip_ = std::move(*chip);
    return check_version()
        .and_then([this] { return read_facts(); })
        .and_then([this] { return start_events(); })
        .and_then([this] { return teller_.start(*chip_, memory_); });
}

Result<void> Device::check_version() const {
    const std::uint32_t version = chip_->read32(reg::GLOBAL_VERSION);
    if (field::GLOBAL_VERSION_MAJOR.get(version) == spec::VERSION_MAJOR)
        return {};
    return fail(ErrorCode::version_mismatch, "sim: the chip speaks contract version {}, this library {}",
                detail::version_text(version), detail::version_text(spec::VERSION));
}

Result<void> Device::read_facts() {
    if (!chip_->poll([this] { return field::GLOBAL_STATUS_READY.get(chip_->read32(reg::GLOBAL_STATUS)) != 0; }))
        return fail(ErrorCode::io, "sim: the chip does not get ready");
    info_.backend = "sim";
    info_.name = "sim";
    info_.spec_version = chip_->read32(reg::GLOBAL_VERSION);
    info_.driver_spec_version = spec::VERSION;
    info_.profile = static_cast<spec::Profile>(chip_->read32(reg::GLOBAL_PROFILE));
    info_.cores = chip_->read32(reg::GLOBAL_CORES);
    info_.sbuf_bytes = chip_->read32(reg::GLOBAL_SBUF_BYTES);
    info_.psum_bytes = chip_->read32(reg::GLOBAL_PSUM_BYTES);
    info_.hbm_banks = chip_->read32(reg::GLOBAL_HBM_BANKS);
    info_.hbm_bytes = chip_->read64(reg::GLOBAL_HBM_BYTES);
    info_.aperture_bytes = chip_->read64(reg::GLOBAL_APERTURE_BYTES);
    info_.va_start = Context::va_start;
    info_.va_end = Context::va_end;
    info_.page_size = spec::PAGE_SIZE;
    info_.max_queues = std::min(chip_->read32(reg::GLOBAL_QUEUES), spec::MAX_QUEUES);
    if (info_.hbm_banks == 0)
        return fail(ErrorCode::io, "sim: the chip reports no HBM");
    const std::uint64_t bank_bytes = info_.hbm_bytes / info_.hbm_banks;
    for (std::uint64_t i = 0; i < info_.hbm_banks; ++i)
        banks_.emplace_back(i * bank_bytes, (i + 1) * bank_bytes);
    info_ = current_info();
    return {};
}

Result<void> Device::start_events() {
    auto ring = memory_.allocate(std::uint64_t{spec::EventRecord::BYTES} << event_ring_log2);
    if (!ring)
        return detail::forward_error(ring);
    event_ring_ = std::move(*ring);
    chip_->write32(reg::GLOBAL_EVENT_RING_LOG2, event_ring_log2);
    chip_->write64(reg::GLOBAL_EVENT_RING_BASE, event_ring_.bus());
    return {};
}

DeviceInfo Device::current_info() {
    DeviceInfo info = info_;
    info.clock_ns = chip_->read64(reg::GLOBAL_CLOCK_NS);
    const std::lock_guard guard(lock_);
    info.hbm_free = std::transform_reduce(banks_.begin(), banks_.end(), std::uint64_t{0}, std::plus<>{},
                                          [](const auto &bank) { return bank.free_bytes(); });
    return info;
}

// Buffers that may lie anywhere go to the emptiest bank, of equal ones to the last: the first lies behind the aperture,
// which buffers that must be mappable need.
std::vector<std::size_t> Device::bank_order(const BufferOptions &options) const {
    if (options.bank)
        return {*options.bank};
    std::vector<std::size_t> order(banks_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (!options.mappable) {
        std::ranges::reverse(order);
        std::ranges::stable_sort(order, std::greater<>{}, [this](std::size_t i) { return banks_[i].free_bytes(); });
    }
    return order;
}

Result<HbmRange> Device::hbm_allocate(std::uint64_t size, const BufferOptions &options) {
    HbmRange range{0, size};
    {
        const std::lock_guard guard(lock_);
        std::optional<std::uint64_t> found;
        const std::uint64_t align = size >= large_page ? large_page : spec::PAGE_SIZE;
        for (const std::size_t bank : bank_order(options)) {
            found = banks_[bank].allocate(size, align, options.mappable ? info_.aperture_bytes : UINT64_MAX);
            if (found)
                break;
        }
        if (!found)
            return fail(ErrorCode::out_of_memory, "sim: no room for a buffer of {} bytes in {}HBM", size,
                        options.mappable ? "mappable " : "");
        range.offset = *found;
    }
    if (auto zeroed = scrub(range); !zeroed) {
        hbm_free(range);
        return detail::forward_error(zeroed);
    }
    return range;
}

void Device::hbm_free(const HbmRange &range) {
    const std::lock_guard guard(lock_);
    banks_[range.offset / (info_.hbm_bytes / info_.hbm_banks)].free(range.offset, range.size);
}

Result<void> Device::scrub(const HbmRange &range) {
    const std::lock_guard guard(scrub_lock_);
    chip_->write64(reg::GLOBAL_SCRUB_ADDR, range.offset);
    chip_->write64(reg::GLOBAL_SCRUB_BYTES, range.size);
    chip_->write32(reg::GLOBAL_SCRUB_CTRL, field::GLOBAL_SCRUB_CTRL_START.mask);
    const auto control = [this] { return chip_->read32(reg::GLOBAL_SCRUB_CTRL); };
    if (!chip_->poll([&] { return field::GLOBAL_SCRUB_CTRL_START.get(control()) == 0; }) ||
        field::GLOBAL_SCRUB_CTRL_ERROR.get(control()) != 0)
        return fail(ErrorCode::io, "sim: scrubbing {} bytes of HBM from {:#x} failed", range.size, range.offset);
    return {};
}

Result<std::uint32_t> Device::take_context() {
    const std::lock_guard guard(lock_);
    const std::uint32_t count = std::min(chip_->read32(reg::GLOBAL_CONTEXTS), spec::MAX_CONTEXTS);
    for (std::uint32_t id = 0; id < count; ++id) {
        if (!contexts_[id]) {
            contexts_[id] = true;
            return id;
        }
    }
    return fail(ErrorCode::out_of_memory, "sim: all {} contexts are in use", count);
}

void Device::give_context(std::uint32_t id) {
    const std::lock_guard guard(lock_);
    contexts_[id] = false;
    sinks_[id].reset();
}

Result<std::uint32_t> Device::take_queue(Queue &queue) {
    const std::lock_guard guard(lock_);
    for (std::uint32_t id = 0; id < info_.max_queues; ++id) {
        if (queues_[id] == nullptr) {
            queues_[id] = &queue;
            return id;
        }
    }
    return fail(ErrorCode::out_of_memory, "sim: all {} queues are in use", info_.max_queues);
}

void Device::give_queue(std::uint32_t id) {
    const std::lock_guard guard(lock_);
    queues_[id] = nullptr;
}

void Device::service_events() {
    const std::lock_guard guard(lock_);
    std::uint32_t head = chip_->read32(reg::GLOBAL_EVENT_HEAD);
    const std::uint32_t tail = chip_->read32(reg::GLOBAL_EVENT_TAIL);
    if (head == tail)
        return;
    for (; head != tail; ++head) {
        const std::uint64_t at = std::uint64_t{head % (1u << event_ring_log2)} * spec::EventRecord::BYTES;
        const auto raw = event_ring_.bytes().subspan(at).first<spec::EventRecord::BYTES>();
        const auto record = spec::unpack<spec::EventRecord>(raw);
        if (record.kind == spec::Event::FAULT && record.queue < queues_.size() && queues_[record.queue] != nullptr) {
            Queue &queue = *queues_[record.queue];
            const auto event = queue.fault(record);
            if (const auto &sink = sinks_[queue.context()]; event && sink)
                sink->add(*event);
        } else if (record.kind == spec::Event::ECC) {
            tell_of_error(record);
        } else {
            log_(LogLevel::warning,
                 fmt::format("sim: event {} for queue {}, which is gone", spec::raw(record.kind), record.queue));
        }
    }
    chip_->write32(reg::GLOBAL_EVENT_HEAD, head);
}

// With the device's lock held. Where the byte is, is nobody's business here: buffers are not looked up.
void Device::tell_of_error(const spec::EventRecord &record) {
    log_(LogLevel::warning, fmt::format("sim: HBM met an error at {:#x} that was {}", record.info,
                                        record.code == spec::Fault::NONE ? "corrected" : "not corrected"));
    DeviceEvent event{.kind = DeviceEvent::Kind::ras, .code = record.code};
    event.time = detail::Clock::now().time_since_epoch();
    for (const auto &sink : sinks_) {
        if (sink)
            sink->add(event);
    }
}

Result<std::shared_ptr<EventSink>> Device::listen(std::uint32_t context) {
    auto eventfd = detail::make_eventfd();
    if (!eventfd)
        return detail::forward_error(eventfd);
    notifier_.watch();
    service_events(); // what was before is not told
    const std::lock_guard guard(lock_);
    if (!sinks_[context])
        sinks_[context] = std::make_shared<EventSink>(std::move(*eventfd));
    return sinks_[context];
}

std::shared_ptr<EventSink> Device::sink_of(std::uint32_t context) {
    const std::lock_guard guard(lock_);
    return sinks_[context];
}

Result<std::unique_ptr<detail::ContextBackend>> Device::context_create() { return Context::create(shared_from_this()); }

} // namespace neuron::sim
