// SPDX-License-Identifier: MIT
#include "chip.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <utility>

namespace neuron::chip {

namespace {

std::unique_ptr<Executor> make_executor(const ChipInfo &info, const Host &host, Explorer &explorer) {
    constexpr std::size_t control_units = 6; // reset, events, coalescer, scrubber, commands of the recorder, reports
    const std::size_t units = spec::MAX_QUEUES + control_units + info.cores * (ENGINES + spec::DMA_RINGS);
    if (info.stepped)
        return std::make_unique<SteppedExecutor>(host, info.seed, units, &explorer);
    return std::make_unique<ThreadedExecutor>(info.threads);
}

} // namespace

tl::expected<std::unique_ptr<Chip>, CreateError> Chip::create(const ChipInfo &info, const neuron_chip_host_ops &ops,
                                                              void *opaque, Watcher *watcher) {
    auto hbm = Hbm::create(info.hbm_bytes);
    if (hbm == nullptr)
        return tl::unexpected(
            CreateError{ENOMEM, fmt::format("hbm_bytes: cannot reserve {} bytes of address space", info.hbm_bytes)});
    std::unique_ptr<Chip> chip(new Chip(info, ops, opaque, std::move(hbm), watcher));
    if (info.sanitizer && chip->sanitizer_ == nullptr)
        return tl::unexpected(CreateError{ENOMEM, "sanitizer: cannot reserve address space for its shadow of HBM"});
    if (!std::ranges::all_of(chip->cores_, &Core::ok))
        return tl::unexpected(CreateError{ENOMEM, "cores: cannot reserve address space for their on-chip memory"});
    return chip;
}

Chip::Chip(const ChipInfo &info, const neuron_chip_host_ops &ops, void *opaque, std::unique_ptr<Hbm> hbm,
           Watcher *watcher)
    : info_(info),
      faults_([this](const std::string &line) { host_.log(NEURON_CHIP_LOG_INFO, line); }, [this] { wake_hung(); },
              info.stepped ? [this](std::uint64_t ns) { executor_->pass(ns); } : std::function<void(std::uint64_t)>()),
      explorer_([this] { host_.kick(); },
                [this](std::uint64_t epoch, std::uint32_t vector) { interrupts_.send(epoch, vector); }),
      host_(ops, opaque, faults_),
      interrupts_(host_),
      hbm_(std::move(hbm)),
      executor_(make_executor(info, host_, explorer_)),
      clock_(*executor_),
      recorder_(clock_, info.recorder_records),
      sanitizer_(make_sanitizer(watcher)),
      channel_(host_, recorder_, book_, sanitizer_.get()),
      port_(
          host_, [this](std::string_view text) { return set_fault_plan(text); }, [this] { return fault_report(); }),
      reset_unit_(services_, *hbm_, cores_),
      events_(host_, interrupts_, *executor_, reset_unit_, recorder_, book_),
      scrubber_(*hbm_, *executor_, reset_unit_),
      commands_(recorder_, book_, open_sanitizer(), host_, *executor_, reset_unit_),
      coalescer_(interrupts_, *executor_, recorder_),
      control_(*spec::find_profile(info.profile), *hbm_, host_, *executor_, events_, coalescer_, clock_, recorder_,
               book_),
      hazards_(info.hazards ? std::make_unique<hazard::Monitor>(info.cores, info.sbuf_bytes) : nullptr),
      services_{host_,     *executor_, control_,  interrupts_,    coalescer_,       clock_,
                recorder_, faults_,    explorer_, hazards_.get(), sanitizer_.get(), watcher},
      pool_(*executor_, cores_, spec::MAX_QUEUES),
      registers_(info_, *executor_, control_, events_, coalescer_, scrubber_, cores_, recorder_, commands_, channel_,
                 open_sanitizer(), clock_, faults_, explorer_, port_, [this] { reset(); }) {
    interrupts_.attach_explorer(explorer_);
    if (watcher != nullptr)
        hbm_->watch(*watcher);
    reset_unit_.attach(events_, scrubber_, commands_);
    control_.attach_reset(reset_unit_);
    if (sanitizer_)
        control_.attach_sanitizer(*sanitizer_), interrupts_.attach_sanitizer(*sanitizer_);
    for (std::uint32_t i = 0; i < info.cores; ++i)
        cores_.emplace_back(services_, static_cast<std::uint8_t>(i), info_);
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i)
        control_.attach(i, queues_.emplace_back(services_, pool_, cores_, i));
}

std::unique_ptr<Sanitizer> Chip::make_sanitizer(HbmWatcher *watcher) {
    const std::span<const std::byte> hbm(hbm_->data(), hbm_->bytes());
    auto written = info_.sanitizer ? WrittenMap::create(hbm, info_.aperture_bytes, watcher) : nullptr;
    if (written == nullptr)
        return nullptr;
    hbm_->attach(*written);
    return std::make_unique<Sanitizer>(clock_, book_, std::move(written), host_, *executor_, info_.observer);
}

Chip::~Chip() {
    faults_.hurry(true);
    executor_->stop();
    if (sanitizer_ != nullptr)
        sanitizer_->reports().write_all();
}

UnitName Chip::name_of(const Unit *unit) {
    using spec::TapeUnit;
    const std::array<std::pair<const Unit *, TapeUnit>, 5> single{{{&reset_unit_, TapeUnit::RESET},
                                                                   {&events_, TapeUnit::EVENTS},
                                                                   {&scrubber_, TapeUnit::SCRUBBER},
                                                                   {&commands_, TapeUnit::RECORDER},
                                                                   {&coalescer_, TapeUnit::COALESCER}}};
    for (const auto &[one, kind] : single)
        if (unit == one)
            return {.kind = kind};
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (unit == &queues_[i])
            return {.kind = TapeUnit::QUEUE, .index = static_cast<std::uint8_t>(i)};
    UnitName name;
    for (Core &core : cores_) {
        std::uint8_t count = 0;
        core.for_each_unit([&](const Unit &one) {
            if (unit == &one)
                name = {count < ENGINES ? TapeUnit::ENGINE : TapeUnit::DMA_RING, core.index(),
                        static_cast<std::uint8_t>(count < ENGINES ? count : count - ENGINES)};
            ++count;
        });
    }
    return name;
}

std::unique_ptr<Hbm> Chip::retire() {
    executor_->stop();
    hbm_->errors().attach(nullptr);
    return std::move(hbm_);
}

void Chip::pause() {
    faults_.hurry(true);
    executor_->pause();
    faults_.hurry(false);
}

void Chip::wake_hung() {
    for (Queue &queue : queues_)
        executor_->wake(queue);
    for (Core &core : cores_)
        core.wake_all();
    executor_->wake(reset_unit_);
}

std::string Chip::refused(std::string why) {
    faults_.refuse(why);
    return why;
}

std::string Chip::set_fault_plan(std::string_view text) {
    auto plan = plan::parse(text);
    if (!plan)
        return refused(plan.error());
    for (const plan::Rule &rule : plan->rules) {
        const bool ecc =
            rule.action == spec::PlanAction::ECC_CORRECTED || rule.action == spec::PlanAction::ECC_UNCORRECTED;
        if (ecc && !rule.at_place && !hbm_->contains(rule.argument, 1))
            return refused(fmt::format("fault plan: '{}': byte 0x{:x} is outside HBM", rule.text, rule.argument));
        if (plan::is_of_function(rule.action) && !host_.has_function())
            return refused(fmt::format("fault plan: '{}': there is no PCIe function here", rule.text));
    }
    if (plan->explore && !info_.stepped)
        return refused(fmt::format("fault plan: '{}': the device is not in stepped mode", plan->explore->text));
    explorer_.set(std::move(plan->explore));
    const bool in_hbm = std::ranges::any_of(plan->rules, [](const plan::Rule &rule) {
        return rule.event == spec::PlanEvent::HBM_READ || rule.event == spec::PlanEvent::HBM_WRITE;
    });
    hbm_->errors().attach(in_hbm ? &hbm_faults_ : nullptr);
    faults_.set(std::move(*plan));
    return {};
}

int Chip::inject_ecc(std::uint64_t offset, bool uncorrectable) {
    if (!hbm_->contains(offset, 1))
        return EINVAL;
    return control_.hbm_error(offset, uncorrectable) ? 0 : EAGAIN;
}

void Chip::reset() {
    // The reset unit may be done as soon as begin_reset() lets go of its lock: nothing of before may start then.
    scrubber_.reset();
    commands_.reset();
    channel_.reset();
    port_.reset();
    if (faults_.active()) {
        const auto verdict = faults_.ask(spec::PlanEvent::RESET, 0);
        reset_unit_.hang(verdict ? verdict->plan : 0);
    }
    control_.begin_reset();
    clock_.reset();
    recorder_.record(true);
    if (recorder_.on())
        recorder_.add(spec::RecordReset{.head = {}, .resets = control_.resets()}, spec::RecordKind::RESET);
    // After this no interrupt of before can go out; one that is on its way has arrived.
    interrupts_.close_epoch();
    explorer_.forget_interrupts();
    faults_.forget_held();
    executor_->wake(reset_unit_);
}

} // namespace neuron::chip
