// SPDX-License-Identifier: MIT
// Files that name things of this process: what the sim backend has in place of dma-bufs and syncobj files.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <neuron/fd.hpp>

#include "../error.hpp"

namespace neuron::sim {

/** An empty memfd, which is a name as long as its thing is there. */
using Name = std::pair<dev_t, ino_t>;

inline Result<Name> name_of(int fd) {
    struct stat facts {};
    if (::fstat(fd, &facts) != 0)
        return errno == EBADF
                   ? detail::fail(ErrorCode::invalid_argument, "sim: importing file {}, which is not open", fd)
                   : detail::fail_errno(errno, fmt::format("sim: importing file {}", fd));
    return Name{facts.st_dev, facts.st_ino};
}

/** Things of one kind by their names. Threading: any thread. */
template<class T>
class Names {
public:
    /** A file for a thing; @p kept is where the thing keeps its own. */
    Result<Fd> give(const std::shared_ptr<T> &thing, Fd &kept) {
        const std::lock_guard guard(lock_);
        if (!kept) {
            Fd made(::memfd_create("neuron-sim-name", MFD_CLOEXEC));
            if (!made)
                return detail::fail_errno(errno, "sim: a file to share by");
            const auto name = name_of(made.get());
            if (!name)
                return tl::unexpected(name.error());
            things_[*name] = thing;
            kept = std::move(made);
        }
        Fd file(::fcntl(kept.get(), F_DUPFD_CLOEXEC, 0));
        if (!file)
            return detail::fail_errno(errno, "sim: a file to share by");
        return file;
    }

    enum class Found : std::uint8_t { yes, no, gone };
    /** What a file names. Of a thing that is gone the name is forgotten. */
    Result<std::pair<Found, std::shared_ptr<T>>> find(int fd) {
        const auto name = name_of(fd);
        if (!name)
            return tl::unexpected(name.error());
        const std::lock_guard guard(lock_);
        const auto at = things_.find(*name);
        if (at == things_.end())
            return std::pair{Found::no, std::shared_ptr<T>()};
        auto thing = at->second.lock();
        return std::pair{thing ? Found::yes : Found::gone, std::move(thing)};
    }

    /** The thing is going, and @p kept was its file. */
    void forget(const Fd &kept) {
        if (!kept)
            return;
        const auto name = name_of(kept.get());
        const std::lock_guard guard(lock_);
        if (name)
            things_[*name].reset(); // somebody may still have the file
    }

private:
    std::mutex lock_; // protects all below, and the files that things keep
    std::map<Name, std::weak_ptr<T>> things_;
};

} // namespace neuron::sim
