// SPDX-License-Identifier: MIT
// The C ABI: checks what the host gives, and keeps exceptions inside.
// Everything is compiled hidden; what the public header declares is what the library exports.
#pragma GCC visibility push(default)
#include "neuron_chip.h"
#pragma GCC visibility pop

#include "abi.hpp"
#include "state/archive.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <thread>

namespace {

using neuron::chip::Archive;
using neuron::chip::ChipInfo;
using neuron::chip::CreateError;
using neuron::chip::Recorder;
using neuron::chip::StateError;
using neuron::chip::tape::Recording;
using neuron::spec::TapeKind;
namespace spec = neuron::spec;

constexpr const char *DEFAULT_PROFILE = "trn2";
constexpr std::uint64_t DEFAULT_APERTURE = 256ULL << 20;
constexpr unsigned MAX_DEFAULT_THREADS = 8;
constexpr unsigned MAX_THREADS = 256;

using Checked = tl::expected<ChipInfo, CreateError>;

tl::unexpected<CreateError> invalid(std::string message) {
    return tl::unexpected(CreateError{EINVAL, std::move(message)});
}

// A structure of the caller, in the size that this library knows. A shorter one reads as zero beyond its end; what a
// longer one says there must be zero.
template<class T>
bool import(const T *from, T &out) {
    T value{};
    std::memcpy(&value, from, std::min(from->size, sizeof value));
    out = value;
    const auto *bytes = reinterpret_cast<const unsigned char *>(from);
    return from->size <= sizeof(T) ||
           std::all_of(bytes + sizeof(T), bytes + from->size, [](unsigned char b) { return b == 0; });
}

unsigned thread_count(const neuron_chip_config &config) {
    if (config.threads != 0)
        return config.threads;
    return std::clamp(std::thread::hardware_concurrency(), 1U, MAX_DEFAULT_THREADS);
}

Checked check_memory(const neuron_chip_config &config, const spec::ProfileDesc &profile, ChipInfo info) {
    const std::uint64_t per_bank = 1ULL << spec::MMU_LARGE_PAGE_SHIFT;
    info.hbm_banks = profile.hbm_banks;
    info.hbm_bytes = config.hbm_bytes != 0 ? config.hbm_bytes : profile.hbm_bytes;
    if (info.hbm_bytes % (per_bank * info.hbm_banks) != 0)
        return invalid(fmt::format("hbm_bytes: {} is not a multiple of 2 MiB per bank ({} banks)", info.hbm_bytes,
                                   info.hbm_banks));
    if (info.hbm_bytes >> spec::MMU_VA_BITS != 0)
        return invalid(
            fmt::format("hbm_bytes: {} is more than {} address bits reach", info.hbm_bytes, spec::MMU_VA_BITS));
    info.aperture_bytes = config.aperture_bytes;
    if (info.aperture_bytes == 0)
        info.aperture_bytes = std::min(DEFAULT_APERTURE, std::bit_floor(info.hbm_bytes));
    if (!std::has_single_bit(info.aperture_bytes) || info.aperture_bytes > info.hbm_bytes ||
        info.aperture_bytes < spec::PAGE_SIZE)
        return invalid(fmt::format("aperture_bytes: {} is not a power of two between {} and the {} bytes of HBM",
                                   info.aperture_bytes, spec::PAGE_SIZE, info.hbm_bytes));
    return info;
}

tl::expected<std::uint32_t, CreateError> record_count(const neuron_chip_config &config) {
    const std::uint32_t records = config.recorder_records;
    if (records == 0)
        return Recorder::DEFAULT_RECORDS;
    if (records == NEURON_CHIP_RECORDER_OFF)
        return 0;
    if (!std::has_single_bit(records) || records < Recorder::MIN_RECORDS || records > Recorder::MAX_RECORDS)
        return invalid(fmt::format("recorder_records: {} is not a power of two between {} and {}", records,
                                   Recorder::MIN_RECORDS, Recorder::MAX_RECORDS));
    return records;
}

Checked check_config(const neuron_chip_config &config) {
    if (config.abi_major != NEURON_CHIP_ABI_MAJOR)
        return invalid(fmt::format("abi_major: the host was built for {}, this library has {}", config.abi_major,
                                   NEURON_CHIP_ABI_MAJOR));
    const char *name = config.profile != nullptr ? config.profile : DEFAULT_PROFILE;
    const spec::ProfileDesc *profile = spec::find_profile(std::string_view(name));
    if (profile == nullptr) {
        std::string known;
        for (const spec::ProfileDesc &p : spec::profiles())
            known += fmt::format("{}{}", known.empty() ? "" : ", ", p.name);
        return invalid(fmt::format("profile: there is no \"{}\"; known: {}", name, known));
    }
    ChipInfo info;
    info.profile = profile->id;
    info.core_version = profile->core_version;
    info.sbuf_bytes = profile->sbuf_bytes;
    info.cores = config.cores != 0 ? config.cores : profile->cores;
    if (info.cores > spec::MAX_CORES)
        return invalid(fmt::format("cores: {} is more than {}", info.cores, spec::MAX_CORES));
    if (config.threads > MAX_THREADS)
        return invalid(fmt::format("threads: {} is more than {}", config.threads, MAX_THREADS));
    info.stepped = config.stepped;
    info.seed = config.seed;
    info.hazards = config.hazards;
    info.sanitizer = config.sanitizer;
    const auto records = record_count(config);
    if (!records)
        return tl::unexpected(records.error());
    info.recorder_records = *records;
    if (info.sanitizer && *records == 0)
        return invalid("sanitizer: needs the recorder, whose debug channel tells it whose memory is where");
    info.threads = config.stepped ? 0 : thread_count(config);
    return check_memory(config, *profile, info);
}

tl::expected<neuron_chip_host_ops, CreateError> check_ops(const neuron_chip_host_ops *given) {
    neuron_chip_host_ops ops{};
    if (!import(given, ops))
        return invalid("ops: has members that this library does not know");
    if (ops.dma_read == nullptr)
        return invalid("ops.dma_read: is missing");
    if (ops.dma_write == nullptr)
        return invalid("ops.dma_write: is missing");
    if (ops.raise_irq == nullptr)
        return invalid("ops.raise_irq: is missing");
    return ops;
}

// The tape that the host wants, if it does.
tl::expected<std::unique_ptr<Recording>, CreateError> start_tape(const neuron_chip_config &config, const ChipInfo &info,
                                                                 const neuron_chip_host_ops &ops, void *opaque) {
    if (config.tape == nullptr)
        return nullptr;
    if (!info.stepped)
        return invalid("tape: only a chip in stepped mode can be recorded");
    return Recording::create(info, neuron::chip::sink_of(config.tape, config.tape_opaque), ops, opaque);
}

spec::TapeEvent access(TapeKind kind, std::uint64_t offset, std::uint64_t value, unsigned size) {
    return {.kind = kind, .size = static_cast<std::uint8_t>(size), .addr = offset, .value = value};
}

// Calls `f`, which is what `head` says.
template<class F>
auto recorded(neuron_chip *chip, spec::TapeEvent head, F &&f) {
    if (chip->tape != nullptr) [[unlikely]]
        return chip->tape->call(head, {}, f);
    return f();
}

// Calls `f`. Should the host run out of memory, the access is lost, the log says so, and the process lives on.
template<class F, class R = std::invoke_result_t<F>>
R guarded(neuron_chip *chip, F &&f, R otherwise = R()) noexcept {
    try {
        return f();
    } catch (const std::exception &error) {
        try {
            chip->chip->host().log(NEURON_CHIP_LOG_ERROR, error.what());
        } catch (...) { // no memory for the message either
        }
        return otherwise;
    }
}

void check_io(int result, const char *what) {
    if (result != 0)
        throw StateError(-result, fmt::format("{}: {}", what, strerrordesc_np(-result)));
}

// Writes or reads the whole chip. What the library throws ends here.
int serialize(neuron_chip *chip, Archive &archive, char *error, size_t error_size) noexcept {
    int code = 0;
    const auto failed = [&](int number, const char *message) {
        code = number;
        if (error_size != 0)
            std::snprintf(error, error_size, "%s", message);
    };
    if (error_size != 0)
        error[0] = '\0';
    try {
        if (!chip->chip->executor().paused())
            failed(EBUSY, "the chip is not paused");
        else if (chip->tape != nullptr)
            failed(ENOTSUP, "the chip is recorded, or was: the host has memory of its own behind the aperture");
        else
            chip->chip->serialize(archive);
    } catch (const StateError &e) {
        failed(e.code(), e.what());
    } catch (const std::exception &e) {
        failed(ENOMEM, e.what());
    }
    return -code;
}

} // namespace

namespace neuron::chip {

tl::expected<neuron_chip *, CreateError> create_chip(const neuron_chip_config *given,
                                                     const neuron_chip_host_ops *given_ops, void *opaque,
                                                     const Replay *replay) {
    if (given == nullptr || given_ops == nullptr)
        return invalid(given == nullptr ? "config: is NULL" : "ops: is NULL");
    neuron_chip_config config{};
    if (!import(given, config))
        return invalid("config: has members that this library does not know");
    auto ops = check_ops(given_ops);
    if (!ops)
        return tl::unexpected(ops.error());
    auto info = check_config(config);
    if (!info)
        return tl::unexpected(info.error());
    info->observer = replay != nullptr && replay->observer;
    auto simd = SimdChoice::acquire(config.simd != nullptr ? config.simd : "auto");
    if (!simd)
        return invalid(std::move(simd.error()));
    auto tape = start_tape(config, *info, *ops, opaque);
    if (!tape)
        return tl::unexpected(tape.error());
    Watcher *const watcher = replay != nullptr ? &replay->watcher : tape->get();
    auto chip = *tape != nullptr ? Chip::create(*info, (*tape)->ops(), tape->get(), watcher)
                                 : Chip::create(*info, *ops, opaque, watcher);
    if (!chip)
        return tl::unexpected(chip.error());
    if (*tape != nullptr) {
        auto memory = Hbm::create(info->aperture_bytes);
        if (memory == nullptr)
            return tl::unexpected(CreateError{ENOMEM, "tape: cannot reserve address space for a second aperture"});
        (*tape)->attach(**chip, std::make_unique<tape::HostWindow>(std::move(memory), info->aperture_bytes));
    }
    return new neuron_chip{std::move(*simd), std::move(*tape), std::move(*chip), *ops, opaque};
}

} // namespace neuron::chip

int neuron_chip_create(const struct neuron_chip_config *config, const struct neuron_chip_host_ops *ops, void *opaque,
                       struct neuron_chip **out, char *error, size_t error_size) {
    CreateError failure{ENOMEM, ""};
    *out = nullptr;
    try {
        auto made = neuron::chip::create_chip(config, ops, opaque);
        if (made) {
            *out = *made;
            if (error_size != 0)
                error[0] = '\0';
            return 0;
        }
        failure = std::move(made.error());
    } catch (const std::system_error &e) {
        failure.code = e.code().value() != 0 ? e.code().value() : EAGAIN;
    } catch (...) {
        failure.code = ENOMEM;
    }
    if (error_size != 0) {
        const char *text = !failure.message.empty() ? failure.message.c_str() : strerrordesc_np(failure.code);
        std::snprintf(error, error_size, "%s", text);
    }
    return -failure.code;
}

void neuron_chip_destroy(struct neuron_chip *chip) { delete chip; }

void neuron_chip_reset(struct neuron_chip *chip) {
    guarded(chip, [&] {
        return recorded(chip, {.kind = TapeKind::RESET}, [&] { return chip->chip->registers().reset(), 0; });
    });
}

void neuron_chip_quiesce(struct neuron_chip *chip) {
    guarded(chip, [&] {
        if (chip->tape != nullptr)
            chip->tape->run(UINT64_MAX);
        else
            chip->chip->executor().wait_idle();
        return 0;
    });
}

uint64_t neuron_chip_reg_read(struct neuron_chip *chip, uint64_t offset, unsigned int size) {
    return guarded(chip, [&] {
        if (chip->tape != nullptr) [[unlikely]]
            return chip->tape->reg_read(offset, size);
        return chip->chip->registers().read(offset, size);
    });
}

void neuron_chip_reg_write(struct neuron_chip *chip, uint64_t offset, uint64_t value, unsigned int size) {
    guarded(chip, [&] {
        return recorded(chip, access(TapeKind::REG_WRITE, offset, value, size),
                        [&] { return chip->chip->registers().write(offset, value, size), 0; });
    });
}

void neuron_chip_doorbell_write(struct neuron_chip *chip, uint64_t offset, uint64_t value, unsigned int size) {
    guarded(chip, [&] {
        return recorded(chip, access(TapeKind::DOORBELL, offset, value, size),
                        [&] { return chip->chip->registers().doorbell(offset, value, size), 0; });
    });
}

void *neuron_chip_aperture(struct neuron_chip *chip, uint64_t *bytes) {
    *bytes = chip->chip->info().aperture_bytes;
    return chip->tape != nullptr ? chip->tape->aperture() : chip->chip->aperture();
}

int neuron_chip_inject_ecc(struct neuron_chip *chip, uint64_t hbm_offset, bool uncorrectable) {
    return guarded(
        chip,
        [&] {
            return recorded(chip, {.kind = TapeKind::ECC, .addr = hbm_offset, .value = uncorrectable},
                            [&] { return -chip->chip->inject_ecc(hbm_offset, uncorrectable); });
        },
        -ENOMEM);
}

int neuron_chip_set_test_fault(struct neuron_chip *chip, uint32_t faults) {
    constexpr std::uint32_t known = NEURON_CHIP_TEST_STUCK_RESET | NEURON_CHIP_TEST_HANG_STOP;
    if ((faults & ~known) != 0)
        return -EINVAL;
    return guarded(chip, [&] {
        return recorded(chip, {.kind = TapeKind::TEST_FAULT, .value = faults},
                        [&] { return chip->chip->set_test_faults(faults), 0; });
    });
}

int neuron_chip_set_fault_plan(struct neuron_chip *chip, const char *text, char *error, size_t error_size) {
    const auto say = [&](const char *message) {
        if (error_size != 0)
            std::snprintf(error, error_size, "%s", message);
    };
    say("");
    try {
        const auto set = [&] { return chip->chip->set_fault_plan(text); };
        const std::string wrong =
            chip->tape != nullptr
                ? chip->tape->call({.kind = TapeKind::PLAN}, std::as_bytes(std::span(text, std::strlen(text))), set)
                : set();
        say(wrong.c_str());
        return wrong.empty() ? 0 : -EINVAL;
    } catch (const std::exception &failure) {
        say(failure.what());
        return -ENOMEM;
    }
}

size_t neuron_chip_fault_report(struct neuron_chip *chip, char *text, size_t size) {
    return guarded(chip, [&] {
        const std::string report = chip->chip->fault_report();
        if (size != 0)
            std::snprintf(text, size, "%s", report.c_str());
        return report.size();
    });
}

void neuron_chip_pause(struct neuron_chip *chip) {
    guarded(chip, [&] { return recorded(chip, {.kind = TapeKind::PAUSE}, [&] { return chip->chip->pause(), 0; }); });
}

void neuron_chip_resume(struct neuron_chip *chip) {
    guarded(chip, [&] {
        return recorded(chip, {.kind = TapeKind::RESUME}, [&] { return chip->chip->executor().resume(), 0; });
    });
}

int neuron_chip_save(struct neuron_chip *chip, neuron_chip_write_fn write, void *opaque, char *error,
                     size_t error_size) {
    Archive archive(Archive::Write([=](std::span<const std::byte> bytes) {
        check_io(write(opaque, bytes.data(), bytes.size()), "writing the stream");
    }));
    return serialize(chip, archive, error, error_size);
}

int neuron_chip_load(struct neuron_chip *chip, neuron_chip_read_fn read, void *opaque, char *error, size_t error_size) {
    Archive archive(Archive::Read(
        [=](std::span<std::byte> bytes) { check_io(read(opaque, bytes.data(), bytes.size()), "reading the stream"); }));
    return serialize(chip, archive, error, error_size);
}

void neuron_chip_end_tape(struct neuron_chip *chip) {
    guarded(chip, [&] {
        if (chip->tape != nullptr)
            chip->tape->end();
        return 0;
    });
}

size_t neuron_chip_read_records(struct neuron_chip *chip, uint64_t *first, void *records, size_t size) {
    return chip->chip->recorder().read(*first, ~0ULL, {static_cast<std::byte *>(records), size});
}

size_t neuron_chip_read_reports(struct neuron_chip *chip, uint64_t *first, void *reports, size_t size) {
    if (chip->chip->sanitizer() == nullptr)
        return 0;
    std::size_t count = 0;
    auto *to = static_cast<std::byte *>(reports);
    for (; (count + 1) * spec::SanitizerReport::BYTES <= size; ++count) {
        const auto report = chip->chip->sanitizer()->reports().read(*first);
        if (!report)
            break;
        std::ranges::copy(spec::packed(*report), to + count * report->BYTES);
        *first = report->index + 1;
    }
    return count;
}

size_t neuron_chip_report_text(struct neuron_chip *chip, uint64_t index, char *text, size_t size) {
    if (chip->chip->sanitizer() == nullptr)
        return 0;
    const std::string sentence = chip->chip->sanitizer()->reports().text(index).value_or("");
    if (size != 0)
        std::snprintf(text, size, "%s", sentence.c_str());
    return sentence.size();
}

void neuron_chip_forget_reports(struct neuron_chip *chip) {
    if (chip->chip->sanitizer() == nullptr)
        return;
    guarded(chip, [&] {
        return recorded(chip, {.kind = TapeKind::FORGET},
                        [&] { return chip->chip->sanitizer()->reports().forget(), 0; });
    });
}

int neuron_chip_blame(struct neuron_chip *chip, uint32_t ctx, uint64_t va, void *record, char *text, size_t text_size) {
    if (ctx >= spec::MAX_CONTEXTS)
        return -EINVAL;
    return guarded(
        chip,
        [&] {
            const auto found = chip->chip->book().blame(ctx, va, chip->chip->recorder().now_ns());
            std::ranges::copy(spec::packed(found), static_cast<std::byte *>(record));
            if (text_size != 0)
                std::snprintf(text, text_size, "%s", neuron::chip::describe(found).c_str());
            return 0;
        },
        -ENOMEM);
}

uint64_t neuron_chip_run(struct neuron_chip *chip, uint64_t max_steps) {
    return guarded(chip, [&] {
        return chip->tape != nullptr ? chip->tape->run(max_steps) : chip->chip->executor().run(max_steps);
    });
}
