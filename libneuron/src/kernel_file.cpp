// SPDX-License-Identifier: MIT
#include <neuron/kernel_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include <sys/stat.h>

#include "error.hpp"
#include "kernel_reader.hpp"

namespace neuron {

std::uint64_t KernelParam::bytes() const noexcept {
    if (!is_tensor())
        return 0;
    std::uint64_t total = spec::bytes(dtype);
    for (const std::uint64_t dim : dims)
        total *= dim;
    return total;
}

Result<KernelFile> KernelFile::load(const std::filesystem::path &path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return detail::fail_errno(errno, path.native());
    if (!S_ISREG(status.st_mode))
        return detail::fail(ErrorCode::invalid_argument, "{}: not a regular file", path.native());
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    if (file == nullptr)
        return detail::fail_errno(errno, path.native());
    std::vector<std::byte> image(static_cast<std::size_t>(status.st_size));
    const std::size_t got = image.empty() ? 0 : std::fread(image.data(), 1, image.size(), file.get());
    if (std::ferror(file.get()) != 0)
        return detail::fail(ErrorCode::io, "{}: cannot be read", path.native());
    image.resize(got);
    return parse(image, path.native());
}

Result<KernelFile> KernelFile::parse(std::span<const std::byte> image, std::string name) {
    return KernelReader(image, std::move(name)).read();
}

std::optional<KernelLine> KernelFile::line(spec::Engine engine, std::uint32_t instruction) const noexcept {
    const auto &lines = lines_[spec::raw(engine)];
    if (instruction >= stream(engine).size())
        return std::nullopt;
    const auto behind = std::ranges::upper_bound(lines, instruction, {}, &LineEntry::instruction);
    if (behind == lines.begin() || std::prev(behind)->line == 0)
        return std::nullopt;
    const LineEntry &entry = *std::prev(behind);
    return KernelLine{.file = source_names_.c_str() + entry.file, .line = entry.line};
}

const KernelParam *KernelFile::find_param(std::string_view name) const noexcept {
    const auto at = std::ranges::find(params_, name, &KernelParam::name);
    return at == params_.end() ? nullptr : &*at;
}

} // namespace neuron
