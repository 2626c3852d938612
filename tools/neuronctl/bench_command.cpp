// SPDX-License-Identifier: MIT
// neuronctl bench
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "../support/files.hpp"
#include "commands.hpp"
#include "device_options.hpp"
#include "dma_transfer.hpp"
#include "interrupt.hpp"
#include "plot.hpp"
#include "submit_path.hpp"
#include "terminal.hpp"
#include "times.hpp"

namespace neuronctl {
namespace {

constexpr const char *benches[] = {"latency", "throughput", "copy"};

struct Options {
    DeviceChoice device;
    std::vector<std::string> names;
    std::vector<std::string> paths;
    std::string plot;
    std::string least = "4K";
    std::string most = "4M";
    std::uint32_t jobs = 1000;
    std::uint32_t batch = 64;
    std::uint32_t repeat = 10;
    std::string priority = "normal";
    bool polled = false;
};

/** One line of the result. */
struct Row {
    std::string bench;
    std::string path;      ///< Submission path, for jobs.
    std::string direction; ///< For copies.
    std::uint64_t bytes = 0;
    Times times;     ///< Of each job, batch or copy.
    double rate = 0; ///< Jobs or bytes per second.
};

constexpr std::uint32_t warm_up = 50;

struct Plan {
    Options options;
    neuron::DeviceOptions device;
    std::uint64_t least = 0;
    std::uint64_t most = 0;
};

class Measurement {
public:
    explicit Measurement(const Plan &plan) : plan_(plan) {}

    Outcome<void> run() {
        Outcome<void> done;
        // Without a driver all paths are the same.
        const std::vector<std::string> all = {"uring", "ioctl", "doorbell"};
        const auto &paths = !plan_.options.paths.empty()      ? plan_.options.paths
                            : plan_.device.backend != "accel" ? std::vector<std::string>{"auto"}
                                                              : all;
        for (const std::string &path : paths) {
            if (done && wanted("latency"))
                done = latency(path);
            if (done && wanted("throughput"))
                done = throughput(path);
        }
        if (done && wanted("copy"))
            done = copies();
        return done;
    }

    const neuron::DeviceInfo &device() const { return device_; }
    const std::vector<Row> &rows() const { return rows_; }

private:
    bool wanted(std::string_view name) const {
        const auto &names = plan_.options.names;
        return names.empty() || std::ranges::find(names, name) != names.end();
    }

    Outcome<Session> open(const std::string &path) {
        auto session = Session::open(
            plan_.device,
            {.path = submit_path(path), .priority = priority(plan_.options.priority), .polled = plan_.options.polled});
        if (session)
            device_ = session->device.info();
        return session;
    }

    Outcome<void> latency(const std::string &path) {
        auto session = open(path);
        if (!session)
            return tl::unexpected(session.error());
        Row row{"latency", std::string(session->queue.path()), {}, 0, {}, 0};
        neuron::CommandList nop;
        nop.nop();
        Progress progress("latency " + row.path, plan_.options.jobs);
        for (std::uint32_t i = 0; i < plan_.options.jobs + warm_up; ++i) {
            progress.show(i);
            const auto start = std::chrono::steady_clock::now();
            if (auto done = execute(session->queue, nop); !done)
                return done;
            if (i >= warm_up)
                row.times.push_back(std::chrono::steady_clock::now() - start);
            if (interrupted())
                return tl::unexpected(interruption());
        }
        row.rate = rate_of(1, spread_of(row.times).median);
        rows_.push_back(std::move(row));
        return {};
    }

    Outcome<void> throughput(const std::string &path) {
        auto session = open(path);
        if (!session)
            return tl::unexpected(session.error());
        Row row{"throughput", std::string(session->queue.path()), {}, 0, {}, 0};
        std::vector<neuron::CommandList> batch(plan_.options.batch);
        for (neuron::CommandList &list : batch)
            list.nop();
        const std::uint32_t batches = std::max(1U, plan_.options.jobs / plan_.options.batch);
        Progress progress("throughput " + row.path, batches);
        const auto start = std::chrono::steady_clock::now();
        for (std::uint32_t i = 0; i < batches; ++i) {
            progress.show(i);
            const auto began = std::chrono::steady_clock::now();
            const auto last = session->queue.submit_batch(batch);
            if (!last)
                return tl::unexpected(device_error(last.error()));
            if (auto done = finish(session->queue, *last); !done)
                return done;
            row.times.push_back(std::chrono::steady_clock::now() - began);
        }
        const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
        row.rate = rate_of(std::uint64_t{batches} * plan_.options.batch, static_cast<std::uint64_t>(spent.count()));
        rows_.push_back(std::move(row));
        return {};
    }

    Outcome<void> copies() {
        auto session = open("auto");
        if (!session)
            return tl::unexpected(session.error());
        const Place host{};
        const Place hbm{neuron::Placement::hbm, std::nullopt};
        const std::pair<Place, Place> directions[] = {{host, hbm}, {hbm, host}, {hbm, hbm}, {host, host}};
        for (const auto &[from, to] : directions)
            for (std::uint64_t bytes = plan_.least; bytes <= plan_.most; bytes *= 4)
                if (auto done = copy(*session, from, to, bytes); !done)
                    return done;
        return {};
    }

    Outcome<void> copy(Session &session, const Place &from, const Place &to, std::uint64_t bytes) {
        const auto source = Arena::create(session.context, session.queue, from, bytes);
        if (!source)
            return tl::unexpected(source.error());
        const auto destination = Arena::create(session.context, session.queue, to, bytes);
        if (!destination)
            return tl::unexpected(destination.error());
        // Memory that nobody has written is none that people copy.
        neuron::CommandList written;
        written.fill(source->buffer().va(), bytes, 0);
        if (auto done = execute(session.queue, written); !done)
            return done;
        Row row{"copy", {}, fmt::format("{} -> {}", text(from), text(to)), bytes, {}, 0};
        neuron::CommandList commands;
        commands.copy(destination->buffer().va(), source->buffer().va(), bytes);
        // The first one touches the pages.
        for (std::uint32_t i = 0; i <= plan_.options.repeat; ++i) {
            const auto start = std::chrono::steady_clock::now();
            if (auto done = execute(session.queue, commands); !done)
                return done;
            if (i > 0)
                row.times.push_back(std::chrono::steady_clock::now() - start);
            if (interrupted())
                return tl::unexpected(interruption());
        }
        row.rate = rate_of(bytes, spread_of(row.times).median);
        rows_.push_back(std::move(row));
        return {};
    }

    const Plan &plan_;
    neuron::DeviceInfo device_;
    std::vector<Row> rows_;
};

std::string rows_text(const std::vector<Row> &rows) {
    std::vector<std::vector<std::string>> cells = {{"BENCH", "WHAT", "SIZE", "MEDIAN", "P99", "MIN", "MAX", "RATE"}};
    for (const Row &row : rows) {
        const Spread spread = spread_of(row.times);
        const bool copy = row.bench == "copy";
        cells.push_back({row.bench, copy ? row.direction : row.path, copy ? bytes_text(row.bytes) : "-",
                         time_text(spread.median), time_text(spread.p99), time_text(spread.least),
                         time_text(spread.most), copy ? rate_text(row.rate) : fmt::format("{:.0f} jobs/s", row.rate)});
    }
    return table(cells, "<<>>>>>>");
}

Json rows_json(const std::vector<Row> &rows) {
    Json out = Json::array();
    for (const Row &row : rows) {
        Json entry = {{"bench", row.bench}, {"times", times_json(row.times)}};
        if (row.bench == "copy") {
            entry["direction"] = row.direction;
            entry["bytes"] = row.bytes;
            entry["bytes_per_second"] = row.rate;
        } else {
            entry["path"] = row.path;
            entry["jobs_per_second"] = row.rate;
        }
        out.push_back(std::move(entry));
    }
    return out;
}

// Copies as rate over size; without any, jobs per second of each path.
std::string plot_of(const std::vector<Row> &rows, const std::string &device) {
    Plot plot{.title = "neuronctl bench on " + device, .x_label = {}, .y_label = {}, .series = {}};
    for (const Row &row : rows) {
        if (row.bench != "copy")
            continue;
        plot.x_label = "bytes of a copy";
        plot.y_label = "MiB/s";
        if (plot.series.empty() || plot.series.back().name != row.direction)
            plot.series.push_back({row.direction, {}});
        plot.series.back().points.emplace_back(static_cast<double>(row.bytes), row.rate / (1 << 20));
    }
    if (!plot.series.empty())
        return svg(plot);
    plot.x_label = "rank of the job (1: the fastest)";
    plot.y_label = "microseconds";
    for (const Row &row : rows) {
        Times times = row.times;
        std::ranges::sort(times);
        plot.series.push_back({row.bench + " " + row.path, {}});
        for (std::size_t i = 0; i < times.size(); i += std::max<std::size_t>(1, times.size() / 200))
            plot.series.back().points.emplace_back(static_cast<double>(i + 1),
                                                   static_cast<double>(times[i].count()) / 1e3);
    }
    return svg(plot);
}

Outcome<Plan> plan_of(const Options &options) {
    Plan out{.options = options, .device = {}, .least = 0, .most = 0};
    const auto device = options.device.options();
    if (!device)
        return tl::unexpected(device.error());
    out.device = *device;
    constexpr std::uint64_t largest = std::uint64_t{1} << 34;
    const auto least = parse_bytes(options.least);
    const auto most = parse_bytes(options.most);
    if (!least || *least == 0 || *least > largest)
        return tl::unexpected(usage_error(fmt::format("--min {}: expected bytes, 1 to 16G", options.least)));
    if (!most || *most < *least || *most > largest)
        return tl::unexpected(usage_error(
            fmt::format("--max {}: expected bytes, not less than --min {}, up to 16G", options.most, options.least)));
    out.least = *least;
    out.most = *most;
    if (!options.plot.empty())
        if (const auto writable = neuron::support::check_writable(options.plot); !writable)
            return tl::unexpected(input_error(writable.error()));
    return out;
}

Outcome<void> bench(const Global &global, const Options &options) {
    const auto plan = plan_of(options);
    if (!plan)
        return tl::unexpected(plan.error());
    Measurement measurement(*plan);
    if (auto done = measurement.run(); !done)
        return done;
    if (!options.plot.empty()) {
        const std::string text = plot_of(measurement.rows(), measurement.device().name);
        if (const auto done = neuron::support::write_file(options.plot, std::as_bytes(std::span(text))); !done)
            return tl::unexpected(device_error(done.error()));
    }
    print_result(global, "bench",
                 {{"device", device_json(measurement.device())},
                  {"jobs", options.jobs},
                  {"batch", options.batch},
                  {"repeat", options.repeat},
                  {"priority", options.priority},
                  {"polled", options.polled},
                  {"results", rows_json(measurement.rows())}},
                 fmt::format("{}\n{}", device_line(measurement.device()), rows_text(measurement.rows())));
    return {};
}

} // namespace

void add_bench(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("bench", "Measure latency and rate of jobs, and the rate of copies");
    command->add_option("BENCH", options->names, "Only these; default: all")
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(benches), std::end(benches))));
    command->add_option("--path", options->paths, "How jobs enter the kernel; may be repeated; default: each way")
        ->check(CLI::IsMember(submit_names()))
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all()
        ->group("Bench");
    command->add_option("--priority", options->priority, "Of the queues; high needs CAP_SYS_NICE")
        ->check(CLI::IsMember(priority_names()))
        ->capture_default_str()
        ->group("Bench");
    command->add_flag("--polled", options->polled, "No interrupts: whoever waits looks for itself")->group("Bench");
    command->add_option("--jobs", options->jobs, "Jobs that are measured")
        ->check(CLI::Range(1U, 100'000'000U))
        ->capture_default_str()
        ->group("Bench");
    command->add_option("--batch", options->batch, "Jobs of a submission, for throughput")
        ->check(CLI::Range(1U, 256U))
        ->capture_default_str()
        ->group("Bench");
    command->add_option("--repeat", options->repeat, "Copies of each size and direction")
        ->check(CLI::Range(1U, 1'000'000U))
        ->capture_default_str()
        ->group("Bench");
    command->add_option("--min", options->least, "Shortest copy; each is four times as long as the one before")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Bench");
    command->add_option("--max", options->most, "Longest copy")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Bench");
    command->add_option("--plot", options->plot, "Draw the copies, or without any the times of the jobs")
        ->type_name("FILE.svg")
        ->group("Bench");
    options->device.add_to(*command);
    command->footer(R"(
Examples:
  neuronctl bench
  neuronctl bench latency --path uring --path ioctl --jobs 10000
  neuronctl bench latency --polled --priority high
  neuronctl bench --backend null                 what the library itself costs
  neuronctl bench copy --min 1K --max 64M --plot copies.svg
  neuronctl --json bench throughput --batch 128

latency is one empty job after another, throughput batches of them. Nothing is verified: that is what 'dma test' is for.
The chip models function, not time: under QEMU these are the numbers of the emulation and of the software around it.)");
    command->callback([=] { line.action = [=] { return bench(line.global, *options); }; });
}

} // namespace neuronctl
