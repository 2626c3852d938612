// SPDX-License-Identifier: MIT
// neuronctl top and monitor
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <neuron/fd.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"
#include "usage.hpp"

namespace neuronctl {
namespace {

struct Options {
    double interval = 1;
    std::uint64_t count = 0;
    bool once = false;
    std::uint16_t port = 0;
    bool listen = false;
};

std::chrono::nanoseconds interval_of(const Options &options) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(options.interval * 1e9));
}

// ---- top

std::string sensor(const DeviceUse &device, const std::string &file, double scale, std::string_view unit) {
    const auto found = device.sensors.find(file);
    return found == device.sensors.end() ? "-"
                                         : fmt::format("{:.1f} {}", static_cast<double>(found->second) * scale, unit);
}

std::string screen(const Sample &sample) {
    if (sample.devices.empty())
        return "No neuron device on the PCI bus ('neuronctl doctor' looks for the reason).\n";
    std::vector<std::vector<std::string>> devices = {{"DEVICE", "ADDRESS", "STATE", "CORES BUSY", "QUEUES BUSY", "HBM",
                                                      "HOST", "TEMP", "POWER", "FAULTS", "RESETS"}};
    for (const DeviceUse &device : sample.devices) {
        double cores = 0;
        double queues = 0;
        std::uint64_t hbm = 0;
        std::uint64_t host = 0;
        std::uint64_t capacity = 0;
        for (const Client &client : sample.clients) {
            if (client.address != device.address)
                continue;
            cores += client.cores;
            queues += client.queues;
            hbm += client.value("drm-total-hbm");
            host += client.value("drm-total-system");
            capacity = client.value("drm-engine-capacity-core");
        }
        const auto count = [&](const std::string &name) {
            const auto found = device.ras.find(name);
            return found == device.ras.end() ? std::string("-") : std::to_string(found->second);
        };
        devices.push_back({device.node.empty() ? "-" : device.node, device.address, device.state,
                           capacity != 0 ? fmt::format("{:.2f} of {}", cores, capacity) : fmt::format("{:.2f}", cores),
                           fmt::format("{:.2f}", queues), bytes_text(hbm), bytes_text(host),
                           sensor(device, "temp1_input", 1e-3, "C"), sensor(device, "power1_average", 1e-6, "W"),
                           count("faults"), count("resets")});
    }
    std::vector<std::vector<std::string>> clients = {
        {"PID", "COMMAND", "DEVICE", "CORES", "QUEUES", "CORE TIME", "HBM", "HOST", "RESIDENT"}};
    for (const Client &client : sample.clients)
        clients.push_back({std::to_string(client.pid), client.command, client.address,
                           fmt::format("{:.2f}", client.cores), fmt::format("{:.2f}", client.queues),
                           time_text(client.value("drm-engine-core")), bytes_text(client.value("drm-total-hbm")),
                           bytes_text(client.value("drm-total-system")),
                           bytes_text(client.value("drm-resident-hbm") + client.value("drm-resident-system"))});
    return table(devices, "<<<>>>>>>>>") + "\n" +
           (sample.clients.empty() ? "No process that you may look at has the device open.\n"
                                   : table(clients, "><<>>>>>>"));
}

Outcome<void> top(const Global &global, const Options &options) {
    const bool live = !options.once && !global.json && isatty(STDOUT_FILENO) == 1;
    Sample last = take_sample();
    std::uint64_t shown = 0;
    do {
        if (!sleep_unless_interrupted(interval_of(options)))
            return live ? Outcome<void>() : tl::unexpected(interruption());
        Sample now = take_sample(&last);
        if (live) {
            fmt::print("\033[H\033[J{}\nevery {} s, Ctrl-C ends\n", screen(now), options.interval);
            std::fflush(stdout);
        } else
            print_result(global, "top", sample_json(now), screen(now));
        last = std::move(now);
        ++shown;
    } while (live && (options.count == 0 || shown < options.count));
    return {};
}

// ---- monitor

Outcome<void> print_samples(const Options &options) {
    Sample last = take_sample();
    for (std::uint64_t i = 0; options.count == 0 || i < options.count; ++i) {
        if (!sleep_unless_interrupted(interval_of(options)))
            return {}; // the way to end it
        Sample now = take_sample(&last);
        fmt::print("{}", json_line("monitor", sample_json(now)));
        if (std::fflush(stdout) != 0)
            return tl::unexpected(Failure{Exit::failed, "io", "cannot write to standard output", {}, {}});
        last = std::move(now);
    }
    return {};
}

Failure listen_error(std::uint16_t port, int error) {
    Failure failure{
        Exit::failed, "io", fmt::format("cannot listen on 127.0.0.1:{}: {}", port, strerrordesc_np(error)), {}, {}};
    if (error == EADDRINUSE)
        failure.hint = "another program has the port: choose another one";
    if (error == EACCES)
        failure.hint = "ports below 1024 are root's: choose another one";
    return failure;
}

std::string answer_to(std::string_view request) {
    const auto reply = [](std::string_view status, std::string_view type, std::string_view body) {
        return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                           status, type, body.size(), body);
    };
    const std::string_view line = request.substr(0, request.find("\r\n"));
    if (!line.starts_with("GET "))
        return reply("405 Method Not Allowed", "text/plain", "only GET\n");
    const std::string_view path = line.substr(4, line.find(' ', 4) - 4);
    if (path != "/metrics")
        return reply("404 Not Found", "text/plain", "only /metrics\n");
    return reply("200 OK", "text/plain; version=0.0.4", prometheus_text(take_sample()));
}

// One after another: a scrape takes milliseconds, and whoever is slow is cut off.
void serve(int client) {
    constexpr int patience_ms = 1000;
    constexpr std::size_t most = 8192;
    std::string request;
    char room[1024];
    pollfd wait{client, POLLIN, 0};
    while (request.find("\r\n\r\n") == std::string::npos && request.size() < most && poll(&wait, 1, patience_ms) > 0) {
        const ssize_t got = recv(client, room, sizeof room, 0);
        if (got <= 0)
            break;
        request.append(room, static_cast<std::size_t>(got));
    }
    const std::string answer = answer_to(request);
    for (std::size_t done = 0; done < answer.size();) {
        const ssize_t sent = send(client, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        done += static_cast<std::size_t>(sent);
    }
}

Outcome<void> answer_scrapes(const Options &options) {
    const neuron::Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    socklen_t length = sizeof address;
    if (listener.get() < 0 || bind(listener.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 ||
        listen(listener.get(), 16) != 0 ||
        getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &length) != 0)
        return tl::unexpected(listen_error(options.port, errno));
    fmt::print("http://127.0.0.1:{}/metrics\n", ntohs(address.sin_port));
    std::fflush(stdout);
    while (!interrupted()) {
        pollfd wait{listener.get(), POLLIN, 0};
        if (poll(&wait, 1, static_cast<int>(interrupt_glance.count())) <= 0)
            continue;
        const neuron::Fd client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client.get() >= 0)
            serve(client.get());
    }
    return {};
}

Outcome<void> monitor(const Global &, const Options &options) {
    return options.listen ? answer_scrapes(options) : print_samples(options);
}

void add_interval(CLI::App &command, Options &options) {
    command.add_option("--interval", options.interval, "Seconds between two samples")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.01, 3600.0))
        ->capture_default_str();
}

} // namespace

void add_monitor(const CommandLine &line) {
    const auto watching = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("top", "Watch devices and the processes that use them");
    add_interval(*command, *watching);
    command->add_flag("--once", watching->once, "One sample, after one interval; so it is where there is no terminal");
    command->footer(R"(
Examples:
  neuronctl top
  neuronctl top --once --interval 5
  neuronctl --json top | jq '.clients[] | {pid, cores}'

CORES is how many NeuronCores a process kept busy in the interval, QUEUES how many queues. Needs no root for one's own
processes. Nothing is asked of the device, which may go on sleeping.)");
    command->callback([=] { line.action = [=] { return top(line.global, *watching); }; });

    const auto options = std::make_shared<Options>();
    command = line.app.add_subcommand("monitor", "Print samples as lines of JSON, or answer Prometheus");
    add_interval(*command, *options);
    command->add_option("--count", options->count, "Samples; 0: until Ctrl-C")
        ->type_name("NUMBER")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 53)) // else -1 would be a number, too
        ->capture_default_str();
    CLI::Option *port =
        command->add_option("--listen", options->port, "Answer http://127.0.0.1:PORT/metrics instead; 0: any free port")
            ->type_name("PORT")
            ->check(CLI::Range(0, 65535));
    command->footer(R"(
Examples:
  neuronctl monitor --interval 5 >>use.jsonl
  neuronctl monitor --listen 9400 & curl http://127.0.0.1:9400/metrics

Each line is one object of the schema, with or without --json. Only this machine can reach the port. Ctrl-C ends it, with
exit code 0.)");
    command->callback([=] {
        options->listen = port->count() != 0;
        line.action = [=] { return monitor(line.global, *options); };
    });
}

} // namespace neuronctl
