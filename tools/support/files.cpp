// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neuron::support {
namespace {

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;
    ~Fd() { close_now(); }
    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    int close_now() { return fd_ >= 0 ? ::close(std::exchange(fd_, -1)) : 0; }

private:
    int fd_;
};

tl::unexpected<Error> fail(const std::filesystem::path &path, std::string_view what, int error) {
    const ErrorCode code = error == ENOENT || error == ENOTDIR ? ErrorCode::not_found
                           : error == EACCES || error == EPERM ? ErrorCode::permission_denied
                                                               : ErrorCode::io;
    return tl::unexpected(Error{code, fmt::format("{}: {}: {}", path.string(), what, std::strerror(error))});
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, const std::filesystem::path &path) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(path, "cannot write", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return {};
}

Result<void> write_in_place(const std::filesystem::path &path, std::span<const std::byte> bytes) {
    Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd.valid())
        return fail(path, "cannot write", errno);
    return write_all(fd.get(), bytes, path);
}

// mkstemp() makes private files; the result gets the mode that any other program would have given it.
mode_t default_mode() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0666 & ~mask;
}

std::filesystem::path directory_of(const std::filesystem::path &path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

Result<void> replace(const std::filesystem::path &path, std::span<const std::byte> bytes, mode_t mode) {
    std::string temporary = (directory_of(path) / ("." + path.filename().string() + ".XXXXXX")).string();
    Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd.valid())
        return fail(path, "cannot write", errno);
    Result<void> done = write_all(fd.get(), bytes, path);
    if (done &&
        (::fchmod(fd.get(), mode) != 0 || fd.close_now() != 0 || ::rename(temporary.c_str(), path.c_str()) != 0))
        done = fail(path, "cannot write", errno);
    if (!done)
        ::unlink(temporary.c_str());
    return done;
}

} // namespace

Result<std::vector<std::byte>> read_file(const std::filesystem::path &path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!fd.valid() || ::fstat(fd.get(), &status) != 0)
        return fail(path, "cannot open", errno);
    if (S_ISDIR(status.st_mode))
        return fail(path, "cannot read", EISDIR);
    std::vector<std::byte> out;
    // The size is a hint: pipes have none, and a file may grow.
    out.resize(S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : 65536);
    std::size_t have = 0;
    for (;;) {
        const ssize_t got = ::read(fd.get(), out.data() + have, out.size() - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(path, "cannot read", errno);
        have += static_cast<std::size_t>(got);
        if (got == 0)
            break;
        if (have == out.size())
            out.resize(2 * out.size());
    }
    out.resize(have);
    return out;
}

Result<void> write_file(const std::filesystem::path &path, std::span<const std::byte> bytes) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return errno == ENOENT ? replace(path, bytes, default_mode()) : Result<void>(fail(path, "cannot write", errno));
    if (S_ISDIR(status.st_mode))
        return fail(path, "cannot write", EISDIR);
    if (!S_ISREG(status.st_mode))
        return write_in_place(path, bytes);
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(path, error);
    return replace(error ? path : real, bytes, status.st_mode & 07777);
}

Result<void> check_writable(const std::filesystem::path &path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
        return fail(path, "cannot write", EISDIR);
    const bool special = std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error);
    const std::filesystem::path checked = special ? path : directory_of(path);
    if (::access(checked.c_str(), W_OK | (special ? 0 : X_OK)) != 0)
        return fail(path, "cannot write", errno);
    return {};
}

} // namespace neuron::support
